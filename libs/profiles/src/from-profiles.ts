import { invalidArgument } from '@millrace/kernel';
import { toShares } from './distances.ts';
import { smallestDeviation } from './exact.ts';
import { estimateDistinct } from './hyperloglog.ts';
import { ksPValueAsymptotic, ksPValueExact } from './kolmogorov.ts';
import type { CategoricalProfile, ColumnProfile, NumericProfile, TimestampProfile } from './model.ts';
import { variance } from './moments.ts';
import {
  type LinearSketch,
  type LogSketch,
  mergeLinearSketches,
  mergeLogSketches,
  type SketchCell,
  sketchCells,
} from './quantile-sketch.ts';

/** One bin with both sides' counts and shares; a plot draws it as two bars. */
export interface DriftBin {
  /** The category, `other`, or the interval as text. */
  readonly label: string;
  /** Edges of a numeric bin (null: open) and of a time bin in epoch milliseconds; null for categories. */
  readonly lower: number | null;
  readonly upper: number | null;
  readonly referenceCount: number;
  readonly currentCount: number;
  readonly reference: number;
  readonly current: number;
}

/** A distance taken from sketches, with the largest amount by which the exact distance can differ. */
export interface BoundedDistance {
  readonly value: number;
  readonly errorBound: number;
}

/** Product of the sample sizes up to which the exact p-value's m n steps (some milliseconds) are spent on a sketch. */
export const exactPairsMax = 1_000_000;

/** A bucket with the counts of both sides. */
interface PairedCell extends Omit<SketchCell, 'count'> {
  readonly reference: number;
  readonly current: number;
}

/** A column whose values have an order. */
export type OrderedProfile = NumericProfile | TimestampProfile;

/** Values that take part in distances: finite numbers, non-null times and texts. */
export function validCount(column: ColumnProfile): number {
  if (column.kind !== 'numeric') return column.count - column.nulls;
  return column.count - column.nulls - column.nans - column.positiveInfinities - column.negativeInfinities;
}

/**
 * Bins at the reference's quantiles, for PSI and the other share distances. Each edge is the upper edge of the sketch
 * bucket that holds the reference's k / bins quantile, so both sides' counts are exact for these edges; the edges are within
 * the sketch's accuracy of the true quantiles. Equal edges are dropped; the outer bins are open. With `distinct` bins
 * (columns of few values) every occupied bucket is a bin.
 */
export function quantileBins(
  reference: OrderedProfile,
  current: OrderedProfile,
  options: { readonly bins?: number; readonly distinct?: boolean } = {},
): DriftBin[] {
  const cells = pairCells(reference.quantiles, current.quantiles);
  const bins = options.bins ?? 10;
  const total = cells.reduce((sum, cell) => sum + cell.reference, 0);
  const groups: PairedCell[][] = [[]];
  let seen = 0;
  let next = 1;
  cells.forEach((cell, i) => {
    groups.at(-1)!.push(cell);
    seen += cell.reference;
    const cut = options.distinct === true || (next < bins && total > 0 && seen >= (total * next) / bins);
    while (next < bins && seen >= (total * next) / bins) next++;
    if (cut && i < cells.length - 1) groups.push([]);
  });
  const counts = groups.map((group) => ({
    lower: group[0]?.lower ?? 0,
    upper: group.at(-1)?.upper ?? 0,
    reference: group.reduce((sum, cell) => sum + cell.reference, 0),
    current: group.reduce((sum, cell) => sum + cell.current, 0),
  }));
  // A bin reaches to the next one's start: what lies between two occupied buckets is empty on both sides.
  const edges = counts.map((bin) => bin.upper);
  return withShares(
    counts.map((bin, i) => {
      const lower = i === 0 ? null : edges[i - 1]!;
      const upper = i === counts.length - 1 ? null : edges[i]!;
      return { ...bin, lower, upper, label: `${lower ?? '-inf'} … ${upper ?? 'inf'}` };
    }),
  );
}

/**
 * One bin for each category, by descending sum of shares, at most `categoriesMax` of them; the rest is the bin `other`.
 * Counts of incomplete top lists are upper bounds. A category absent from an incomplete list counts in `other`.
 */
export function categoryBins(
  reference: CategoricalProfile,
  current: CategoricalProfile,
  categoriesMax = 100,
): DriftBin[] {
  const counts = new Map<string, { reference: number; current: number }>();
  for (const { value, count } of reference.top.entries) counts.set(value, { reference: count, current: 0 });
  for (const { value, count } of current.top.entries) {
    counts.set(value, { reference: counts.get(value)?.reference ?? 0, current: count });
  }
  const weights = [Math.max(1, validCount(reference)), Math.max(1, validCount(current))] as const;
  const weight = (c: { reference: number; current: number }) => c.reference / weights[0] + c.current / weights[1];
  const bins = [...counts]
    .sort((a, b) => weight(b[1]) - weight(a[1]) || (a[0] < b[0] ? -1 : 1))
    .slice(0, categoriesMax)
    .map(([label, c]) => ({ label, lower: null, upper: null, ...c }));
  const rest = {
    reference: Math.max(0, validCount(reference) - bins.reduce((sum, bin) => sum + bin.reference, 0)),
    current: Math.max(0, validCount(current) - bins.reduce((sum, bin) => sum + bin.current, 0)),
  };
  const other = { label: 'other', lower: null, upper: null, ...rest };
  return withShares(rest.reference + rest.current > 0 ? [...bins, other] : bins);
}

/**
 * KS statistic at the bucket edges, where both distribution functions are known exactly. The exact statistic lies in
 * [value, value + errorBound], the bound being the largest share of one bucket on either side.
 * The p-value is that of `value`: exact up to {@link exactPairsMax} pairs of values, asymptotic above.
 */
export function ksFromProfiles(
  reference: OrderedProfile,
  current: OrderedProfile,
): BoundedDistance & { readonly pValue: number } {
  const m = requireValues(reference);
  const n = requireValues(current);
  let p = 0;
  let q = 0;
  let value = 0;
  let errorBound = 0;
  for (const cell of pairCells(reference.quantiles, current.quantiles)) {
    p += cell.reference;
    q += cell.current;
    value = Math.max(value, Math.abs(p / m - q / n));
    errorBound = Math.max(errorBound, cell.reference / m, cell.current / n);
  }
  const pValue = m * n <= exactPairsMax ? ksPValueExact(value, m, n) : ksPValueAsymptotic(value, m, n);
  return { value, errorBound: Math.min(errorBound, 1 - value), pValue };
}

/**
 * Wasserstein distance with every value at its bucket's representative. The exact distance differs by at most
 * `errorBound`: the mean distance that values of both sides may have moved (about the relative accuracy times the mean
 * magnitudes).
 */
export function wassersteinFromProfiles(reference: OrderedProfile, current: OrderedProfile): BoundedDistance {
  const m = requireValues(reference);
  const n = requireValues(current);
  const cells = pairCells(reference.quantiles, current.quantiles);
  let p = 0;
  let q = 0;
  let value = 0;
  let errorBound = 0;
  cells.forEach((cell, i) => {
    p += cell.reference;
    q += cell.current;
    const width = (cells[i + 1]?.middle ?? cell.middle) - cell.middle;
    value += Math.abs(p / m - q / n) * width;
    const moved = Math.max(cell.upper - cell.middle, cell.middle - cell.lower);
    errorBound += (cell.reference / m + cell.current / n) * moved;
  });
  return { value, errorBound };
}

/** Wasserstein distance over max(population standard deviation of the reference, 0.001), with its bound. */
export function wassersteinNormalisedFromProfiles(reference: OrderedProfile, current: OrderedProfile): BoundedDistance {
  const { value, errorBound } = wassersteinFromProfiles(reference, current);
  const scale = Math.max(Math.sqrt(variance(reference.moments) ?? 0), smallestDeviation);
  return { value: value / scale, errorBound: errorBound / scale };
}

/**
 * Distinct values of both sides together: exact for complete top lists, else the HyperLogLog estimate. Ordered columns
 * with few distinct values are small enough for linear counting to be exact but for rare collisions.
 */
export function unionDistinct(reference: ColumnProfile, current: ColumnProfile): number {
  if (reference.kind === 'categorical' && current.kind === 'categorical') {
    return categoryBins(reference, current, Infinity).length;
  }
  if (reference.kind === 'categorical' || current.kind === 'categorical') return 0;
  const cells = pairCells(reference.quantiles, current.quantiles).length;
  return Math.max(cells, estimateDistinct(reference.distinct), estimateDistinct(current.distinct));
}

function requireValues(column: OrderedProfile): number {
  const n = validCount(column);
  if (n > 0) return n;
  throw invalidArgument('EMPTY_SAMPLE', [{ field: column.name, description: 'has no finite value to compare' }]);
}

/** Both sketches' buckets in the layout of their merge, so that they line up. */
function pairCells(a: LogSketch | LinearSketch, b: LogSketch | LinearSketch): PairedCell[] {
  const [left, right] = [countsInUnion(a, b), countsInUnion(b, a)];
  const cells = new Map<number, PairedCell>();
  for (const cell of left) cells.set(cell.middle, { ...cell, reference: cell.count, current: 0 });
  for (const cell of right) {
    const known = cells.get(cell.middle);
    cells.set(cell.middle, { ...cell, reference: known?.reference ?? 0, current: cell.count });
  }
  return [...cells.values()].sort((x, y) => x.middle - y.middle);
}

/** The buckets of `a`, collapsed as its merge with `b` would be. */
function countsInUnion(a: LogSketch | LinearSketch, b: LogSketch | LinearSketch): SketchCell[] {
  if (a.kind === 'linear' && b.kind === 'linear') {
    const { level } = mergeLinearSketches(a, b);
    const scale = 2 ** (level - a.level);
    const sums = new Map<number, number>();
    for (const [index, count] of a.buckets) {
      const key = Math.floor(index / scale);
      sums.set(key, (sums.get(key) ?? 0) + count);
    }
    return sketchCells({ kind: 'linear', level, buckets: [...sums].sort((x, y) => x[0] - y[0]) });
  }
  if (a.kind !== 'log' || b.kind !== 'log') {
    throw invalidArgument('PROFILE_MISMATCH', [{ field: 'quantiles', description: 'numbers cannot meet times' }]);
  }
  const merged = mergeLogSketches(a, b);
  const lift = (buckets: LogSketch['positive'], lowest: number) => {
    const sums = new Map<number, number>();
    for (const [index, count] of buckets) {
      const key = Math.max(index, lowest);
      sums.set(key, (sums.get(key) ?? 0) + count);
    }
    return [...sums].sort((x, y) => x[0] - y[0]);
  };
  const negative = lift(a.negative, merged.negative[0]?.[0] ?? 0);
  const positive = lift(a.positive, merged.positive[0]?.[0] ?? 0);
  return sketchCells({ ...a, negative, positive });
}

interface CountedBin {
  readonly label: string;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly reference: number;
  readonly current: number;
}

function withShares(bins: readonly CountedBin[]): DriftBin[] {
  const p = toShares(bins.map((bin) => bin.reference));
  const q = toShares(bins.map((bin) => bin.current));
  return bins.map(({ label, lower, upper, reference, current }, i) => ({
    label,
    lower,
    upper,
    referenceCount: reference,
    currentCount: current,
    reference: p[i]!,
    current: q[i]!,
  }));
}
