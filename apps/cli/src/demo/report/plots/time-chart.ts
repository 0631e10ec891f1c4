import { html, type Markup } from '../markup.ts';
import { frame, path, px } from './frame.ts';
import { decimalsOf, linearScale, roundDomain, roundValues, type Scale, timeTicks } from './scale.ts';

/** One value at one time. */
export type TimePoint = {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly value: number;
  /** Interval of the value, drawn as a band. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** What is said about it when pointed at. */
  readonly tip: string;
  /** Drawn as a filled mark in the colour of alerts. */
  readonly flagged?: boolean;
};

/** Points beyond which a chart shows its lines without dots. */
const DOTTED_POINTS_MAX = 45;

/** Points of one colour, ascending in time. */
export type TimeSeries = { readonly tone: string; readonly points: readonly TimePoint[] };

/** A chart over time. */
export type TimeChart = {
  readonly title: string;
  readonly description: string;
  readonly series: readonly TimeSeries[];
  /** Dashed levels, each over its stretch of time: what the values are compared with. */
  readonly levels?: readonly {
    readonly tone: string;
    readonly value: number;
    readonly from: number;
    readonly to: number;
  }[];
  /** A dashed line across the plot above which something is wrong. */
  readonly threshold?: number | undefined;
  /** Stretches of time in which an alert was open, marked at the top. */
  readonly spans?: readonly { readonly from: number; readonly to: number; readonly tip: string }[];
  readonly yLabel?: string;
  /** Text of a vertical mark; by default a number with the decimals that the marks need. */
  readonly yText?: (value: number) => string;
  /** The vertical axis begins at 0. */
  readonly zero?: boolean;
  /** `step` holds each value until the next point. Default `line`. */
  readonly shape?: 'line' | 'step';
  /** First and last instant, where several charts share an axis. */
  readonly domain?: readonly [number, number];
};

/** Draws lines with bands, dots, dashed levels, a threshold and stretches of alert. */
export function timeChart(chart: TimeChart, width: number, height: number): Markup {
  const margin = { left: 42, right: 10, top: chart.yLabel ? 24 : 12, bottom: 24 };
  const points = chart.series.flatMap((series) => series.points);
  const times = points.map((point) => point.time);
  const domain = chart.domain ?? ([Math.min(...times), Math.max(...times)] as const);
  const rows = Math.max(3, Math.round(height / 50));
  const values = points.flatMap((point) => [point.value, point.low ?? point.value, point.high ?? point.value]);
  const levels = chart.levels ?? [];
  const drawn = [
    ...values,
    ...levels.map((level) => level.value),
    ...(chart.threshold === undefined ? [] : [chart.threshold]),
  ];
  const range = roundDomain(drawn, rows, chart.zero);
  const x = linearScale(domain, [margin.left + 4, width - margin.right - 4]);
  const y = linearScale(range, [height - margin.bottom, margin.top]);
  const marks = roundValues(range[0], range[1], rows);
  const decimals = decimalsOf((marks[1] ?? 1) - (marks[0] ?? 0));
  const text = chart.yText ?? ((value: number) => value.toFixed(decimals));
  const spans = (chart.spans ?? []).map((span) => alertSpan(span, x, margin.top, height - margin.bottom));
  const lines = levels.map(
    (level) =>
      html`<path class="level ${level.tone}" d="M${px(x(level.from))} ${px(y(level.value))}H${px(x(level.to))}"/>`,
  );
  const limit =
    chart.threshold === undefined
      ? ''
      : html`<path class="threshold" d="M${margin.left} ${px(y(chart.threshold))}H${width - margin.right}"/>`;
  return frame(
    {
      ...{ title: chart.title, description: chart.description, width, height, margin, x, y },
      xTicks: timeTicks(domain[0], domain[1], Math.max(2, Math.floor(width / 85))),
      yTicks: marks.map((at) => ({ at, label: text(at) })),
      ...(chart.yLabel ? { yLabel: chart.yLabel } : {}),
    },
    html`${spans}${lines}${limit}${chart.series.map((series) => oneSeries(series, x, y, chart.shape ?? 'line', points.length <= DOTTED_POINTS_MAX))}`,
  );
}

function oneSeries(series: TimeSeries, x: Scale, y: Scale, shape: 'line' | 'step', dotted: boolean): Markup {
  const { points, tone } = series;
  const places = points.map((point) => [x(point.time), y(point.value)] as const);
  const line = shape === 'line' ? places : places.flatMap((place, index) => stepTo(place, places[index + 1]));
  const dots = points.map((point, index) =>
    dot(point, places[index]?.[0] ?? 0, places[index]?.[1] ?? 0, dotted && shape === 'line'),
  );
  return html`<g class="${tone}">${band(points, x, y)}<path class="line" d="${path(line)}"/>${dots}</g>`;
}

function band(points: readonly TimePoint[], x: Scale, y: Scale): Markup | '' {
  const held = points.filter((point) => point.low !== undefined && point.high !== undefined);
  if (held.length === 0) return '';
  const upper = held.map((point) => [x(point.time), y(point.high ?? 0)] as const);
  const lower = held.map((point) => [x(point.time), y(point.low ?? 0)] as const).reverse();
  const whisker = path(upper.length === 1 ? [upper[0], lower[0]] : [...upper, ...lower]);
  return html`<path class="${upper.length === 1 ? 'whisker' : 'band'}" d="${whisker}${upper.length === 1 ? '' : 'Z'}"/>`;
}

function dot(point: TimePoint, x: number, y: number, dotted: boolean): Markup {
  const seen = point.flagged
    ? html`<circle class="dot flagged" cx="${px(x)}" cy="${px(y)}" r="3.6"/>`
    : dotted && html`<circle class="dot" cx="${px(x)}" cy="${px(y)}" r="2.6"/>`;
  return html`${seen}<circle class="hit" cx="${px(x)}" cy="${px(y)}" r="8" data-tip="${point.tip}"/>`;
}

function stepTo(place: readonly [number, number], next: readonly [number, number] | undefined) {
  return next === undefined ? [place] : [place, [next[0], place[1]] as const];
}

function alertSpan(span: { from: number; to: number; tip: string }, x: Scale, top: number, bottom: number): Markup {
  const from = x(span.from);
  const width = Math.max(2, x(span.to) - from);
  return html`<g data-tip="${span.tip}"><rect class="alert-span" x="${px(from)}" y="${top}" width="${px(width)}" height="${bottom - top}"/><path class="alert-mark" d="M${px(from)} ${bottom}V${top}"/><path class="alert-flag" d="M${px(from)} ${top}l9 3.5l-9 3.5z"/></g>`;
}
