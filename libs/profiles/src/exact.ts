import { invalidArgument } from '@millrace/kernel';
import { ksPValue } from './kolmogorov.ts';

/** Raw values of a sample; callers drop nulls, NaN and infinities first (missingness is compared on its own). */
export type Sample = ArrayLike<number>;

/** A Kolmogorov–Smirnov statistic, the largest difference of the two distribution functions, with its p-value. */
export interface KolmogorovSmirnov {
  readonly statistic: number;
  readonly pValue: number;
}

/** Two-sided two-sample KS test (`scipy.stats.ks_2samp`, method `auto`). Throws for an empty sample. */
export function ks(reference: Sample, current: Sample): KolmogorovSmirnov {
  let statistic = 0;
  walk(reference, current, (p, q) => {
    statistic = Math.max(statistic, Math.abs(p - q));
  });
  return { statistic, pValue: ksPValue(statistic, reference.length, current.length) };
}

/** First Wasserstein distance: the integral of |F_ref - F_cur|, in the unit of the values (`scipy.stats.wasserstein_distance`). */
export function wasserstein(reference: Sample, current: Sample): number {
  let distance = 0;
  walk(reference, current, (p, q, width) => {
    distance += Math.abs(p - q) * width;
  });
  return distance;
}

/** Smallest standard deviation that {@link wassersteinNormalised} divides by, as in Evidently. */
export const smallestDeviation = 0.001;

/** Wasserstein distance over max(population standard deviation of the reference, 0.001): Evidently's score. */
export function wassersteinNormalised(reference: Sample, current: Sample): number {
  return wasserstein(reference, current) / Math.max(standardDeviation(reference), smallestDeviation);
}

/** Population standard deviation (two passes). */
export function standardDeviation(values: Sample): number {
  const list = Array.from(values);
  const mean = list.reduce((sum, x) => sum + x, 0) / list.length;
  return Math.sqrt(list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / list.length);
}

/**
 * Edges of ceil(log2(n) + 1) equal bins over the joint range of both samples (Sturges; `numpy.histogram_bin_edges`).
 * A range of one value gives one bin of width 1 around it.
 */
export function sturgesEdges(reference: Sample, current: Sample): number[] {
  const sorted = [...sortedCopy(reference), ...sortedCopy(current)];
  let low = Infinity;
  let high = -Infinity;
  for (const x of sorted) {
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  if (low === high) return [low - 0.5, high + 0.5];
  const bins = Math.ceil(Math.log2(sorted.length) + 1);
  const step = (high - low) / bins;
  return Array.from({ length: bins + 1 }, (_, i) => (i === bins ? high : low + i * step));
}

/** Inner edges at the reference's k / bins quantiles (linear interpolation), duplicates dropped. */
export function quantileEdges(reference: Sample, bins = 10): number[] {
  const sorted = sortedCopy(reference);
  const edges: number[] = [];
  for (let k = 1; k < bins; k++) {
    const at = ((sorted.length - 1) * k) / bins;
    const below = sorted[Math.floor(at)]!;
    const above = sorted[Math.ceil(at)]!;
    const fraction = at - Math.floor(at);
    // numpy's lerp: from the nearer end, so that both ends are met exactly.
    const edge = fraction >= 0.5 ? above - (above - below) * (1 - fraction) : below + (above - below) * fraction;
    if (edges.at(-1) !== edge) edges.push(edge);
  }
  return edges;
}

/** Counts of values in [edge i, edge i + 1), the last bin closed; values outside are not counted (`numpy.histogram`). */
export function countBetween(values: Sample, edges: readonly number[]): number[] {
  const counts = new Array<number>(edges.length - 1).fill(0);
  const last = edges.at(-1)!;
  for (const x of Array.from(values)) {
    const bin = x === last ? edges.length - 2 : edgesUpTo(edges, x) - 1;
    if (bin >= 0 && bin < counts.length) counts[bin] = counts[bin]! + 1;
  }
  return counts;
}

/** Counts in the bins that inner edges cut: a value's bin is the number of edges <= it; both outer bins are open. */
export function countAround(values: Sample, innerEdges: readonly number[]): number[] {
  const counts = new Array<number>(innerEdges.length + 1).fill(0);
  for (const x of Array.from(values)) {
    const bin = edgesUpTo(innerEdges, x);
    counts[bin] = counts[bin]! + 1;
  }
  return counts;
}

/** Counts of both sides over the sorted union of their levels. */
export function countLevels(
  reference: ArrayLike<string>,
  current: ArrayLike<string>,
): { levels: string[]; reference: number[]; current: number[] } {
  const count = (values: ArrayLike<string>) => {
    const counts = new Map<string, number>();
    for (const value of Array.from(values)) counts.set(value, (counts.get(value) ?? 0) + 1);
    return counts;
  };
  const left = count(reference);
  const right = count(current);
  const levels = [...new Set([...left.keys(), ...right.keys()])].sort();
  return {
    levels,
    reference: levels.map((level) => left.get(level) ?? 0),
    current: levels.map((level) => right.get(level) ?? 0),
  };
}

/** Calls back with both distribution functions on every interval between neighbouring distinct values, and its width. */
function walk(reference: Sample, current: Sample, visit: (p: number, q: number, width: number) => void): void {
  if (reference.length === 0 || current.length === 0) {
    throw invalidArgument('EMPTY_SAMPLE', [{ field: 'sample', description: 'both samples need at least one value' }]);
  }
  const left = sortedCopy(reference);
  const right = sortedCopy(current);
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    const x = Math.min(left[i]!, right[j]!);
    while (i < left.length && left[i] === x) i++;
    while (j < right.length && right[j] === x) j++;
    const next = Math.min(left[i] ?? Infinity, right[j] ?? Infinity);
    visit(i / left.length, j / right.length, next === Infinity ? 0 : next - x);
  }
  // One side is used up: the other's remaining steps still have a width.
  const [rest, from] = i < left.length ? [left, i] : [right, j];
  for (let k = from; k < rest.length - 1; k++) {
    const share = (k + 1) / rest.length;
    const width = rest[k + 1]! - rest[k]!;
    if (width > 0) visit(rest === left ? share : 1, rest === left ? 1 : share, width);
  }
}

function sortedCopy(values: Sample): Float64Array {
  const sorted = Float64Array.from(values);
  sorted.sort();
  for (const x of [sorted[0], sorted.at(-1)]) {
    if (x !== undefined && !Number.isFinite(x)) {
      throw invalidArgument('BAD_SAMPLE', [{ field: 'sample', description: `holds ${x}; drop NaN and infinities` }]);
    }
  }
  return sorted;
}

/** Number of edges that are not above x. */
function edgesUpTo(edges: readonly number[], x: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle]! <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}
