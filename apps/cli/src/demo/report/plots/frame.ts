import { html, type Markup } from '../markup.ts';
import type { Scale, Tick } from './scale.ts';

/** Space around the plotted area, in the drawing's own units. */
export type Margin = { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number };

/** What a frame is drawn from. */
export type Frame = {
  /** Name of the plot, for those who do not see it. */
  readonly title: string;
  /** What it shows, in a sentence. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly margin: Margin;
  readonly x: Scale;
  readonly y: Scale;
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
  /** What the horizontal axis measures, with its unit. */
  readonly xLabel?: string;
  /** What the vertical axis measures; stands over the axis, lying, so that it can be read. */
  readonly yLabel?: string;
};

/** Axes, grid and texts of a plot around its body. */
export function frame(options: Frame, body: Markup | readonly Markup[]): Markup {
  const { width, height, margin, x, y } = options;
  const right = width - margin.right;
  const bottom = height - margin.bottom;
  const rows = options.yTicks.map(
    ({ at, label }) =>
      html`<path class="gridline" d="M${margin.left} ${px(y(at))}H${right}"/><text class="tick" x="${margin.left - 6}" y="${px(y(at) + 3.5)}" text-anchor="end">${label}</text>`,
  );
  const columns = options.xTicks.map(
    ({ at, label }) =>
      html`<path class="axis" d="M${px(x(at))} ${bottom}v4"/><text class="tick" x="${px(x(at))}" y="${bottom + 16}" text-anchor="${anchor(x(at), label, width)}">${label}</text>`,
  );
  const yLabel = options.yLabel ? html`<text class="axis-label" x="2" y="11">${options.yLabel}</text>` : '';
  const xLabel = options.xLabel
    ? html`<text class="axis-label" x="${right}" y="${height - 3}" text-anchor="end">${options.xLabel}</text>`
    : '';
  return drawing(
    options,
    html`${rows}<path class="axis" d="M${margin.left} ${bottom}H${right}"/>${columns}${yLabel}${xLabel}${body}`,
  );
}

/** A drawing with its name and its description. */
export function drawing(
  options: Pick<Frame, 'title' | 'description' | 'width' | 'height'>,
  body: Markup | readonly Markup[],
): Markup {
  return html`<svg role="img" viewBox="0 0 ${px(options.width)} ${px(options.height)}"><title>${options.title}</title><desc>${options.description}</desc>${body}</svg>`;
}

/** A coordinate with at most one decimal. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A path through points; where a point is undefined the line is broken. */
export function path(points: readonly (readonly [number, number] | undefined)[]): string {
  let pen = 'M';
  let text = '';
  for (const point of points) {
    if (point === undefined) {
      pen = 'M';
      continue;
    }
    text += `${pen}${px(point[0])} ${px(point[1])}`;
    pen = 'L';
  }
  return text;
}

/** About how wide a text of this many characters is at the size of the plots' letters. */
export function textWidth(characters: number): number {
  return characters * 6.1;
}

function anchor(at: number, label: string, width: number): 'start' | 'middle' | 'end' {
  return at + textWidth(label.length) / 2 > width ? 'end' : 'middle';
}
