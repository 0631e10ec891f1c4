import { percent } from '../format.ts';
import { clip, html, type Markup } from '../markup.ts';
import { frame, px, textWidth } from './frame.ts';
import { linearScale, roundDomain, roundValues, type Tick } from './scale.ts';

/** Two spreads over the same bins; both sides are shares that sum to 1 (or to 0 where there is nothing). */
export type Histogram = {
  readonly title: string;
  readonly description: string;
  /** `numeric` lays the two over each other, `categorical` puts them side by side. */
  readonly type: 'numeric' | 'categorical';
  readonly bins: readonly { readonly label: string; readonly reference: number; readonly current: number }[];
  readonly xLabel?: string;
};

/** Draws the reference as filled bars and the current side as a line of steps over them, or beside them. */
export function histogram(data: Histogram, width: number, height: number): Markup {
  const margin = { left: 38, right: 6, top: 10, bottom: data.xLabel ? 34 : 22 };
  const range = roundDomain([0, ...data.bins.flatMap((bin) => [bin.reference, bin.current])], 3, true);
  const bottom = height - margin.bottom;
  const y = linearScale(range, [bottom, margin.top]);
  const x = linearScale([0, data.bins.length], [margin.left, width - margin.right]);
  const marks = roundValues(range[0], range[1], 3);
  const decimals = range[1] < 0.03 ? 1 : 0;
  const bars = data.bins.map((bin, index) => {
    const [from, to] = [x(index), x(index + 1)];
    const tip = `${bin.label}\nreference ${percent(bin.reference)}\ncurrent ${percent(bin.current)}`;
    const shapes = data.type === 'numeric' ? over(from, to, bin, y, bottom) : beside(from, to, bin, y, bottom);
    return html`${shapes}<rect class="hit" x="${px(from)}" y="${margin.top}" width="${px(to - from)}" height="${bottom - margin.top}" data-tip="${tip}"/>`;
  });
  const outline = data.type === 'numeric' ? html`<path class="current-line" d="${steps(data, x, y, bottom)}"/>` : '';
  return frame(
    {
      ...{ title: data.title, description: data.description, width, height, margin, x, y },
      xTicks: thinned(data, x(1) - x(0)),
      yTicks: marks.map((at) => ({ at, label: `${(at * 100).toFixed(decimals)} %` })),
      ...(data.xLabel ? { xLabel: data.xLabel } : {}),
    },
    html`${bars}${outline}`,
  );
}

type Bin = Histogram['bins'][number];

function over(from: number, to: number, bin: Bin, y: (value: number) => number, bottom: number): Markup {
  const box = (value: number, look: string) =>
    html`<rect class="${look}" x="${px(from + 0.5)}" y="${px(y(value))}" width="${px(Math.max(0.5, to - from - 1))}" height="${px(bottom - y(value))}"/>`;
  return html`${box(bin.reference, 'reference-bar')}${box(bin.current, 'current-wash')}`;
}

function beside(from: number, to: number, bin: Bin, y: (value: number) => number, bottom: number): Markup {
  const room = (to - from) * 0.14;
  const width = (to - from - 2 * room) / 2;
  const box = (value: number, at: number, look: string) =>
    html`<rect class="${look}" x="${px(at)}" y="${px(y(value))}" width="${px(width)}" height="${px(bottom - y(value))}"/>`;
  return html`${box(bin.reference, from + room, 'reference-bar')}${box(bin.current, from + room + width, 'current-bar')}`;
}

function steps(data: Histogram, x: (value: number) => number, y: (value: number) => number, bottom: number): string {
  const tops = data.bins.map((bin, index) => `V${px(y(bin.current))}H${px(x(index + 1))}`);
  return `M${px(x(0))} ${bottom}${tops.join('')}V${bottom}`;
}

/** As many labels as fit: all of few categories, every n-th of many bins. */
function thinned(data: Histogram, binWidth: number): Tick[] {
  const longest = Math.max(1, ...data.bins.map((bin) => Math.min(12, bin.label.length)));
  const every = Math.max(1, Math.ceil((textWidth(longest) + 6) / binWidth));
  return data.bins
    .map((bin, index) => ({ at: index + 0.5, label: clip(bin.label, 12) }))
    .filter((_, index) => index % every === 0);
}
