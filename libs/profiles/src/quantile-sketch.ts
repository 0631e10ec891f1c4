import { invalidArgument } from '@millrace/kernel';

/** Sorted pairs of bucket index and count (> 0). */
export type Buckets = readonly (readonly [index: number, count: number])[];

/** Buckets kept for each sign (numbers) or in all (times). */
export const bucketsMax = 2048;
/** Magnitudes below this count as zero in the sketch. */
export const smallestMagnitude = 1e-12;
/** Finest bucket of time sketches: one hour, in milliseconds. */
export const finestWidthMs = 3_600_000;
/** Hour indices of 1900-01-01 and 2200-01-01: earlier and later times count in the outermost hour. */
export const hourRange = { first: -613_608, last: 2_016_168 };

/**
 * Quantile sketch with logarithmic buckets (DDSketch; Masson, Rim, Lee, VLDB 2019). Bucket `i` of the positive store
 * holds the values in (g^(i-1), g^i] with g = (1 + a) / (1 - a); its representative 2 g^i / (g + 1) is within the
 * relative accuracy `a` of each of them. The negative store does the same by magnitude.
 *
 * Collapse rule: a store keeps the {@link bucketsMax} indices below and including its largest one; smaller magnitudes
 * count in the lowest kept bucket. At 1 % that is 17 decades below the largest magnitude. As the largest index only
 * grows, the result does not depend on order, so merging is exact.
 */
export interface LogSketch {
  readonly kind: 'log';
  readonly relativeAccuracy: number;
  readonly zeros: number;
  readonly negative: Buckets;
  readonly positive: Buckets;
}

/**
 * Quantile sketch of times with equal buckets: bucket `i` holds [i w, (i + 1) w) with w = 2^level hours.
 * Collapse rule: the level is the smallest at which the occupied range spans at most {@link bucketsMax} buckets;
 * it depends on the extremes only, so merging is exact. Error of a quantile: half a bucket's width.
 */
export interface LinearSketch {
  readonly kind: 'linear';
  readonly level: number;
  readonly buckets: Buckets;
}

/** One bucket of a sketch with its edges and count; buckets are in ascending order and do not overlap. */
export interface SketchCell {
  readonly lower: number;
  readonly upper: number;
  /** The value that stands for the bucket's values. */
  readonly middle: number;
  readonly count: number;
}

/** Checks a relative accuracy and gives it back. */
export function checkAccuracy(relativeAccuracy: number): number {
  if (relativeAccuracy >= 0.001 && relativeAccuracy <= 0.2) return relativeAccuracy;
  throw invalidArgument('BAD_RELATIVE_ACCURACY', [
    { field: 'relativeAccuracy', description: `must lie in 0.001 … 0.2, is ${relativeAccuracy}` },
  ]);
}

/** The natural logarithm of the ratio of a bucket's edges. */
export function logGamma(relativeAccuracy: number): number {
  return Math.log((1 + relativeAccuracy) / (1 - relativeAccuracy));
}

/** Bucket index of a magnitude of at least {@link smallestMagnitude}. */
export function logIndex(magnitude: number, logOfGamma: number): number {
  return Math.ceil(Math.log(magnitude) / logOfGamma);
}

/** Hour index of a time in epoch milliseconds, held within {@link hourRange}. */
export function hourIndex(timeMs: number): number {
  return Math.min(hourRange.last, Math.max(hourRange.first, Math.floor(timeMs / finestWidthMs)));
}

/** Builds the canonical sketch from raw stores of any size. */
export function logSketch(
  relativeAccuracy: number,
  zeros: number,
  negative: Iterable<readonly [number, number]>,
  positive: Iterable<readonly [number, number]>,
): LogSketch {
  return { kind: 'log', relativeAccuracy, zeros, negative: collapse(negative), positive: collapse(positive) };
}

/** Builds the canonical time sketch from counts by bucket of this level (0: hours). */
export function linearSketch(buckets: Iterable<readonly [number, number]>, level = 0): LinearSketch {
  let result = [...buckets];
  let first = Infinity;
  let last = -Infinity;
  for (const [index] of result) {
    first = Math.min(first, index);
    last = Math.max(last, index);
  }
  let up = 0;
  while (Math.floor(last / 2 ** up) - Math.floor(first / 2 ** up) + 1 > bucketsMax) up++;
  result = result.map(([index, count]) => [Math.floor(index / 2 ** up), count]);
  return { kind: 'linear', level: level + up, buckets: sumBuckets(result) };
}

/** Merges two sketches of the same layout; exact, commutative and associative. */
export function mergeLogSketches(a: LogSketch, b: LogSketch): LogSketch {
  requireSameAccuracy(a, b);
  return logSketch(
    a.relativeAccuracy,
    a.zeros + b.zeros,
    [...a.negative, ...b.negative],
    [...a.positive, ...b.positive],
  );
}

/** Merges two time sketches; exact, commutative and associative. */
export function mergeLinearSketches(a: LinearSketch, b: LinearSketch): LinearSketch {
  const level = Math.max(a.level, b.level);
  return linearSketch([...atLevel(a, level), ...atLevel(b, level)], level);
}

/** The buckets of a sketch in ascending order of value. */
export function sketchCells(sketch: LogSketch | LinearSketch): SketchCell[] {
  if (sketch.kind === 'linear') {
    const width = finestWidthMs * 2 ** sketch.level;
    return sketch.buckets.map(([index, count]) => {
      const lower = index * width;
      return { lower, upper: lower + width, middle: lower + width / 2, count };
    });
  }
  const log = logGamma(sketch.relativeAccuracy);
  const cell = ([index, count]: readonly [number, number], sign: 1 | -1): SketchCell => {
    const outer = Math.min(Number.MAX_VALUE, Math.exp(index * log));
    const inner = Math.exp((index - 1) * log);
    const middle = sign * Math.min(Number.MAX_VALUE, (2 * inner) / (1 + Math.exp(-log)));
    return sign > 0 ? { lower: inner, upper: outer, middle, count } : { lower: -outer, upper: -inner, middle, count };
  };
  const negative = sketch.negative.map((b) => cell(b, -1)).reverse();
  const positive = sketch.positive.map((b) => cell(b, 1));
  const zero = { lower: 0, upper: 0, middle: 0, count: sketch.zeros };
  return sketch.zeros > 0 ? [...negative, zero, ...positive] : [...negative, ...positive];
}

/**
 * The value of rank `floor(q (n - 1))` in ascending order, within the sketch's accuracy (relative for numbers, half a
 * bucket for times); null for an empty sketch. `q` lies in 0 … 1.
 */
export function sketchQuantile(sketch: LogSketch | LinearSketch, q: number): number | null {
  const cells = sketchCells(sketch);
  const total = cells.reduce((sum, cell) => sum + cell.count, 0);
  const rank = Math.floor(q * (total - 1));
  let before = 0;
  for (const cell of cells) {
    before += cell.count;
    if (before > rank) return cell.middle;
  }
  return null;
}

function requireSameAccuracy(a: LogSketch, b: LogSketch): void {
  if (a.relativeAccuracy === b.relativeAccuracy) return;
  throw invalidArgument('ACCURACY_MISMATCH', [
    {
      field: 'relativeAccuracy',
      description: `${a.relativeAccuracy} and ${b.relativeAccuracy} differ; profile both sides with the same options`,
    },
  ]);
}

function atLevel(sketch: LinearSketch, level: number): [number, number][] {
  return sketch.buckets.map(([index, count]) => [Math.floor(index / 2 ** (level - sketch.level)), count]);
}

function collapse(entries: Iterable<readonly [number, number]>): Buckets {
  const buckets = sumBuckets(entries);
  const last = buckets.at(-1);
  if (last === undefined) return buckets;
  const lowest = last[0] - bucketsMax + 1;
  if (buckets[0]![0] >= lowest) return buckets;
  return sumBuckets(buckets.map(([index, count]) => [Math.max(index, lowest), count]));
}

function sumBuckets(entries: Iterable<readonly [number, number]>): [number, number][] {
  const sums = new Map<number, number>();
  for (const [index, count] of entries) if (count > 0) sums.set(index, (sums.get(index) ?? 0) + count);
  return [...sums].sort((a, b) => a[0] - b[0]);
}
