import type { Rng } from '@millrace/kernel';
import { createRng } from '@millrace/kernel';
import { aucOfBuckets, scoreBuckets } from './auc-buckets.ts';
import type { Labels } from './matrix.ts';
import { areaUnderRoc, checkLengths, meanOver, rowLogLoss } from './metrics.ts';
import { drawNormal, drawPoisson } from './random-draws.ts';

/** Metrics that have intervals. */
export type BootstrapMetric = 'auc' | 'log_loss' | 'brier' | 'accuracy' | 'rmse' | 'mae';

/** How to draw. */
export interface BootstrapOptions {
  readonly seed: number;
  /** Replicates; 400 when left out. */
  readonly replicates?: number;
  /** Coverage of the interval; 0.95 when left out. */
  readonly level?: number;
}

/** A metric with the spread that chance in the rows gives it. */
export interface Interval {
  /** The metric on the rows as they are, exact. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly standardError: number;
  readonly level: number;
}

/** Rows up to which every row is drawn by itself; above, rows are drawn in cells. */
const SINGLE_ROWS_MAX = 4096;

/** Cells of consecutive rows for metrics that are means over rows. */
const MEAN_CELLS = 1024;

/** Score buckets for the AUC of one model, and of each of two models drawn together. */
const BUCKETS = 2048;
const PAIRED_BUCKETS = 128;

/** Taken from `Math` once: in the realm that tests run in, each look-up of a global is slow. */
const { max, min, sqrt } = Math;

const ROW_LOSSES: Readonly<Record<Exclude<BootstrapMetric, 'auc'>, (label: number, prediction: number) => number>> = {
  log_loss: rowLogLoss,
  brier: (y, p) => (p - y) ** 2,
  accuracy: (y, p) => (p > 0.5 === (y === 1) ? 1 : 0),
  rmse: (y, p) => (p - y) ** 2,
  mae: (y, p) => Math.abs(p - y),
};

/** Metrics of which more is better. */
const MORE_IS_BETTER: readonly BootstrapMetric[] = ['auc', 'accuracy'];

/**
 * A metric with a percentile interval by the Poisson bootstrap: each replicate counts every row Poisson(1) times
 * (Chamandy et al., 2012). To be fast on any number of rows, more than 4,096 rows are drawn in cells: the counts of a
 * cell add up to Poisson(rows of the cell). For the AUC a cell is a label within one of 2,048 score buckets; for the
 * other metrics 1,024 cells of consecutive rows, whose drawn sum is normal with the moments of the bootstrap's. The
 * spread is drawn this way, the value is exact. Deterministic by the seed.
 */
export function bootstrapMetric(
  metric: BootstrapMetric,
  labels: Labels,
  predictions: Float64Array,
  options: BootstrapOptions,
): Interval {
  checkLengths(labels, predictions);
  const rng = createRng(options.seed).fork(`bootstrap/${metric}`);
  if (metric === 'auc') {
    const sampler = aucSampler(labels, [predictions], BUCKETS);
    return withoutReplicates(interval(areaUnderRoc(labels, predictions), sampler, (drawn) => drawn[0]!, rng, options));
  }
  const finish = metric === 'rmse' ? Math.sqrt : (x: number) => x;
  const sampler = meanSampler(labels, [predictions], ROW_LOSSES[metric]);
  const value = finish(meanOver(labels, predictions, ROW_LOSSES[metric]));
  return withoutReplicates(interval(value, sampler, (drawn) => finish(drawn[0]!), rng, options));
}

/** The difference of a metric between two models on the same rows. */
export interface PairedDifference extends Interval {
  /** Share of replicates in which the first model is strictly better: above 0.975, chance is an unlikely reason. */
  readonly confidenceBetter: number;
}

/**
 * The paired bootstrap of `metric(first) - metric(second)`: each replicate weighs the rows alike for both models, so what
 * makes rows hard for both cancels out. Drawn as {@link bootstrapMetric} says, the AUC over 128 × 128 score buckets.
 */
export function bootstrapDifference(
  metric: BootstrapMetric,
  labels: Labels,
  first: Float64Array,
  second: Float64Array,
  options: BootstrapOptions,
): PairedDifference {
  checkLengths(labels, first);
  checkLengths(labels, second);
  const rng = createRng(options.seed).fork(`paired/${metric}`);
  const finish = metric === 'rmse' ? Math.sqrt : (x: number) => x;
  const point = (p: Float64Array) =>
    metric === 'auc' ? areaUnderRoc(labels, p) : finish(meanOver(labels, p, ROW_LOSSES[metric]));
  const sampler =
    metric === 'auc'
      ? aucSampler(labels, [first, second], PAIRED_BUCKETS)
      : meanSampler(labels, [first, second], ROW_LOSSES[metric]);
  const statistic = (drawn: readonly number[]) => finish(drawn[0]!) - finish(drawn[1]!);
  const { replicates, ...result } = interval(point(first) - point(second), sampler, statistic, rng, options);
  const sign = MORE_IS_BETTER.includes(metric) ? 1 : -1;
  const better = replicates.reduce((count, difference) => count + (sign * difference > 0 ? 1 : 0), 0);
  return { ...result, confidenceBetter: better / replicates.length };
}

/** Draws one replicate: the metric of each model. */
interface Sampler {
  /** The metrics by the sampler's own cells, without chance. */
  readonly centre: readonly number[];
  draw(rng: Rng): readonly number[];
}

function withoutReplicates({ replicates: _, ...rest }: Interval & { readonly replicates: Float64Array }): Interval {
  return rest;
}

/** The interval around `value`, with the replicates in rising order, moved so that their centre is the exact value. */
function interval(
  value: number,
  sampler: Sampler,
  statistic: (drawn: readonly number[]) => number,
  rng: Rng,
  options: BootstrapOptions,
): Interval & { readonly replicates: Float64Array } {
  const level = options.level ?? 0.95;
  const shift = value - statistic(sampler.centre);
  const count = options.replicates ?? 400;
  const replicates = Float64Array.from({ length: count }, () => statistic(sampler.draw(rng)) + shift).sort();
  const mean = replicates.reduce((a, b) => a + b, 0) / count;
  const variance = replicates.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, count - 1);
  return {
    value,
    low: quantile(replicates, (1 - level) / 2),
    high: quantile(replicates, (1 + level) / 2),
    standardError: Math.sqrt(variance),
    level,
    replicates,
  };
}

function quantile(sorted: Float64Array, q: number): number {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}

/** Means of a loss over rows; the cells' sums have the mean and variance of a bootstrap's. */
function meanSampler(
  labels: Labels,
  models: readonly Float64Array[],
  loss: (label: number, prediction: number) => number,
): Sampler {
  const rows = labels.length;
  const cells = rows <= SINGLE_ROWS_MAX ? rows : MEAN_CELLS;
  const start = (cell: number) => Math.floor((cell * rows) / cells);
  const pair = models.length === 2;
  const counts = new Float64Array(cells);
  const sums = models.map(() => new Float64Array(cells));
  const squares = models.map(() => new Float64Array(cells));
  const products = new Float64Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    counts[cell] = start(cell + 1) - start(cell);
    for (let i = start(cell); i < start(cell + 1); i++) {
      const losses = models.map((model) => loss(labels[i]!, model[i]!));
      for (const [m, x] of losses.entries()) {
        sums[m]![cell]! += x;
        squares[m]![cell]! += x * x;
      }
      if (pair) products[cell]! += losses[0]! * losses[1]!;
    }
  }
  const centre = sums.map((sum) => sum.reduce((a, b) => a + b, 0) / rows);
  return {
    centre,
    draw(rng) {
      let weight = 0;
      const drawn = models.map(() => 0);
      for (let cell = 0; cell < cells; cell++) {
        const n = counts[cell]!;
        const k = drawPoisson(rng, n);
        weight += k;
        drawCell(rng, k, n, cell, sums, squares, products, drawn);
      }
      return drawn.map((sum) => sum / weight);
    },
  };
}

/** Adds the sums of k rows drawn from a cell of n rows to `drawn`: normal, correlated between two models. */
function drawCell(
  rng: Rng,
  k: number,
  n: number,
  cell: number,
  sums: readonly Float64Array[],
  squares: readonly Float64Array[],
  products: Float64Array,
  drawn: number[],
): void {
  const [first, second] = sums.map((sum) => sum[cell]! / n) as [number, number | undefined];
  const spread = (m: number, mean: number) => sqrt(max(0, squares[m]![cell]! / n - mean * mean));
  if (n === 1 || k === 0) {
    drawn[0]! += k * first;
    if (second !== undefined) drawn[1]! += k * second;
    return;
  }
  const z = drawNormal(rng);
  const sd = spread(0, first);
  drawn[0]! += k * first + sqrt(k) * sd * z;
  if (second === undefined) return;
  const sd2 = spread(1, second);
  const r = sd * sd2 === 0 ? 0 : max(-1, min(1, (products[cell]! / n - first * second) / (sd * sd2)));
  drawn[1]! += k * second + sqrt(k) * sd2 * (r * z + sqrt(1 - r * r) * drawNormal(rng));
}

/** The AUC of one or two models over cells of (score bucket of each model, label). */
function aucSampler(labels: Labels, models: readonly Float64Array[], bucketsMax: number): Sampler {
  const buckets = models.map((scores) =>
    scoreBuckets(scores, labels.length <= SINGLE_ROWS_MAX ? undefined : bucketsMax),
  );
  const cells = aucCells(labels, buckets);
  const positives = buckets.map(({ count }) => new Float64Array(count));
  const negatives = buckets.map(({ count }) => new Float64Array(count));
  const evaluate = (weightOf: (rows: number) => number) => {
    for (const side of [...positives, ...negatives]) side.fill(0);
    for (let cell = 0; cell < cells.rows.length; cell++) {
      const weight = weightOf(cells.rows[cell]!);
      const side = cells.label[cell] === 1 ? positives : negatives;
      for (let m = 0; m < side.length; m++) side[m]![cells.bucket[m]![cell]!]! += weight;
    }
    return buckets.map((_, m) => aucOfBuckets(positives[m]!, negatives[m]!));
  };
  return { centre: evaluate((rows) => rows), draw: (rng) => evaluate((rows) => drawPoisson(rng, rows)) };
}

/** The cells that hold rows, in a fixed order. */
function aucCells(labels: Labels, buckets: readonly { readonly count: number; readonly of: Uint32Array }[]) {
  const stride = buckets[1]?.count ?? 1;
  const keys = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) {
    const key = ((buckets[0]!.of[i]! * stride + (buckets[1]?.of[i] ?? 0)) * 2 + (labels[i] === 1 ? 1 : 0)) >>> 0;
    keys.set(key, (keys.get(key) ?? 0) + 1);
  }
  const sorted = [...keys].sort(([a], [b]) => a - b);
  const first = Uint32Array.from(sorted, ([key]) => Math.floor(key / 2 / stride));
  const second = Uint32Array.from(sorted, ([key]) => Math.floor(key / 2) % stride);
  return {
    rows: Float64Array.from(sorted, ([, rows]) => rows),
    label: Uint8Array.from(sorted, ([key]) => key % 2),
    bucket: [first, second].slice(0, buckets.length),
  };
}
