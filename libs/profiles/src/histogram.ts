import { validCount } from './from-profiles.ts';
import type { ColumnProfile } from './model.ts';
import { sketchCells } from './quantile-sketch.ts';

/** One bar of a plot. */
export interface HistogramBin {
  /** The category or `other`; for ordered columns the interval as text. */
  readonly label: string;
  /** Edges, in epoch milliseconds for times; null for categories. */
  readonly lower: number | null;
  readonly upper: number | null;
  readonly count: number;
}

/**
 * Counts for a plot: `bins` equal bins between minimum and maximum for numbers and times (a sketch bucket counts whole in the
 * bin of its representative, so a bar's edge is off by the sketch's accuracy), the `bins` most frequent categories and `other`
 * for texts. Counts sum to the number of valid values. Empty when there is none. `range` narrows ordered
 * columns, so that two columns can share bins or outliers stay out; values outside are then not counted.
 */
export function histogram(
  column: ColumnProfile,
  bins = 30,
  range?: { readonly min: number; readonly max: number },
): HistogramBin[] {
  if (column.kind === 'categorical') return categoryHistogram(column, bins);
  const min = range?.min ?? column.min;
  const max = range?.max ?? column.max;
  if (min === null || max === null) return [];
  const number = min === max ? 1 : bins;
  const width = (max - min) / number;
  const counts = new Array<number>(number).fill(0);
  for (const cell of sketchCells(column.quantiles)) {
    const middle = Math.min(column.max ?? max, Math.max(column.min ?? min, cell.middle));
    if (middle < min || middle > max) continue;
    const bin = width === 0 ? 0 : Math.min(number - 1, Math.floor((middle - min) / width));
    counts[bin] = counts[bin]! + cell.count;
  }
  return counts.map((count, i) => {
    const lower = min + i * width;
    const upper = i === number - 1 ? max : min + (i + 1) * width;
    return { label: `${lower} … ${upper}`, lower, upper, count };
  });
}

function categoryHistogram(column: ColumnProfile & { kind: 'categorical' }, bins: number): HistogramBin[] {
  const listed = column.top.entries.slice(0, bins);
  const rest = validCount(column) - listed.reduce((sum, entry) => sum + entry.count, 0);
  const bars = listed.map(({ value, count }) => ({ label: value, lower: null, upper: null, count }));
  return rest > 0 ? [...bars, { label: 'other', lower: null, upper: null, count: rest }] : bars;
}
