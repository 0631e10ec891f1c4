import { count, metric, percent, short } from './format.ts';
import type { HistogramBin } from './histogram.ts';
import { histogram, topValues } from './histogram.ts';
import type { Style } from './style.ts';

/** What a column holds, ready to be drawn. */
export interface ColumnView {
  readonly name: string;
  readonly type: string;
  readonly rows: number;
  readonly nulls: number;
  readonly distinct: number;
  readonly min: string;
  readonly max: string;
  readonly mean: number | undefined;
  readonly stdev: number | undefined;
  /** Quantiles 0.05, 0.25, 0.5, 0.75, 0.95. */
  readonly quantiles: readonly number[];
  readonly topValues: readonly { readonly value: string; readonly count: number }[];
  readonly bins: readonly HistogramBin[];
  /** Writes an edge of the histogram. */
  readonly label: (edge: number) => string;
}

/** Greatest number of distinct values for which the most frequent ones are drawn beside a histogram. */
const FEW_VALUES = 30;

/** A column as lines: name, figures, histogram, most frequent values. */
export function profileLines(column: ColumnView, options: { width: number; style: Style }): string[] {
  const { style, width } = options;
  const facts = [
    `missing ${column.nulls === 0 ? '0' : `${count(column.nulls)} (${percent(column.nulls / Math.max(1, column.rows))})`}`,
    `distinct ${column.distinct >= 1000 ? '≈' : ''}${count(column.distinct)}`,
    column.min !== '' || column.max !== '' ? `${column.min} … ${column.max}` : '',
    column.mean === undefined ? '' : `mean ${short(column.mean)}`,
    column.stdev === undefined ? '' : `stdev ${short(column.stdev)}`,
  ].filter((fact) => fact !== '');
  const [q05, q25, q50, q75, q95] = column.quantiles;
  const quantiles =
    q95 === undefined
      ? []
      : [
          `p5 ${quantile(q05)}  p25 ${quantile(q25)}  median ${quantile(q50)}  p75 ${quantile(q75)}  p95 ${quantile(q95)}`,
        ];
  const bars = column.bins.length > 1 ? histogram(column.bins, { width: width - 2, label: column.label }) : [];
  const tops =
    bars.length === 0 || column.distinct <= FEW_VALUES
      ? topValues(column.topValues, { width: width - 2, total: column.rows })
      : [];
  return [
    `${style.bold(column.name)} ${style.dim(column.type)}  ${facts.join('  ')}`,
    ...quantiles.map((line) => `  ${style.dim(line)}`),
    ...bars.map((line) => `  ${style.accent(line)}`),
    ...tops.map((line) => `  ${line}`),
  ];
}

function quantile(value: number | undefined): string {
  return value === undefined ? '–' : Math.abs(value) < 10 && !Number.isInteger(value) ? metric(value) : short(value);
}
