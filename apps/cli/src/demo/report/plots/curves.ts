import { html, type Markup } from '../markup.ts';
import { frame, path, px } from './frame.ts';
import { decimalsOf, linearScale, roundDomain, roundValues } from './scale.ts';

/** One curve or cloud of points in a square. */
export type Curve = {
  readonly tone: string;
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    readonly tip?: string;
    readonly weight?: number;
  }[];
  /** `dash` for what is only compared with. */
  readonly look?: 'solid' | 'dash';
};

/** Curves over two measures on one scale, with the diagonal. */
export type Square = {
  readonly title: string;
  readonly description: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly curves: readonly Curve[];
  /** Greatest value of both axes; by default the least round one that holds all points. */
  readonly max?: number;
};

/** Points of a curve beyond which it is thinned: more cannot be told apart on the page. */
export const CURVE_POINTS_MAX = 160;

/** Draws curves in a square with the diagonal: ROC (lines) and calibration (lines with dots by weight). */
export function squareChart(data: Square, size: number): Markup {
  const margin = { left: 40, right: 8, top: 24, bottom: 38 };
  const all = data.curves.flatMap((curve) => curve.points.flatMap((point) => [point.x, point.y]));
  const max = data.max ?? roundDomain([0, ...all], 4, true)[1];
  const x = linearScale([0, max], [margin.left, size - margin.right]);
  const y = linearScale([0, max], [size - margin.bottom + 8, margin.top]);
  const marks = roundValues(0, max, 5);
  const decimals = decimalsOf((marks[1] ?? 1) - (marks[0] ?? 0));
  const ticks = marks.map((at) => ({ at, label: at.toFixed(decimals) }));
  const diagonal = html`<path class="diagonal" d="M${px(x(0))} ${px(y(0))}L${px(x(max))} ${px(y(max))}"/>`;
  const heaviest = Math.max(1, ...data.curves.flatMap((curve) => curve.points.map((point) => point.weight ?? 0)));
  const curves = data.curves.map((curve) => {
    const places = thin(curve.points).map((point) => [x(point.x), y(point.y)] as const);
    const dots = curve.points.flatMap((point) => {
      if (point.tip === undefined) return [];
      const radius = 2.2 + 3.6 * Math.sqrt(Math.max(0, point.weight ?? 0) / heaviest);
      const at = html`cx="${px(x(point.x))}" cy="${px(y(point.y))}"`;
      return [
        html`<circle class="dot" ${at} r="${px(radius)}"/><circle class="hit" ${at} r="9" data-tip="${point.tip}"/>`,
      ];
    });
    return html`<g class="${curve.tone}"><path class="${curve.look === 'dash' ? 'line dash' : 'line'}" d="${path(places)}"/>${dots}</g>`;
  });
  const height = size + 8;
  return frame(
    {
      ...{ title: data.title, description: data.description, width: size, height, margin: { ...margin, bottom: 38 } },
      ...{ x, y, xTicks: ticks, yTicks: ticks, xLabel: data.xLabel, yLabel: data.yLabel },
    },
    html`${diagonal}${curves}`,
  );
}

/** At most `CURVE_POINTS_MAX` points, evenly chosen, the first and the last among them. */
export function thin<T>(points: readonly T[]): T[] {
  if (points.length <= CURVE_POINTS_MAX) return [...points];
  const step = (points.length - 1) / (CURVE_POINTS_MAX - 1);
  return Array.from({ length: CURVE_POINTS_MAX }, (_, index) => points[Math.round(index * step)] as T);
}
