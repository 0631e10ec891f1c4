import { AppError } from '@millrace/kernel';
import type { Labels } from './matrix.ts';

/** Smallest probability that log loss takes a logarithm of: the epsilon of float64, as scikit-learn. */
const EPSILON = 2 ** -52;

/** Log loss of one row with label 0 or 1. */
export function rowLogLoss(label: number, probability: number): number {
  const p = Math.min(Math.max(probability, EPSILON), 1 - EPSILON);
  return -Math.log(label === 1 ? p : 1 - p);
}

/** Mean of a loss over rows. Throws when labels and predictions differ in length or there are none. */
export function meanOver(labels: Labels, predictions: Float64Array, loss: (y: number, p: number) => number): number {
  checkLengths(labels, predictions);
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum += loss(labels[i]!, predictions[i]!);
  return sum / labels.length;
}

/** Mean log loss of probabilities, clipped to 2^-52 from 0 and 1. */
export function logLoss(labels: Labels, probabilities: Float64Array): number {
  return meanOver(labels, probabilities, rowLogLoss);
}

/** Mean squared difference of probability and label. */
export function brierScore(labels: Labels, probabilities: Float64Array): number {
  return meanOver(labels, probabilities, (y, p) => (p - y) ** 2);
}

/** Root of the mean squared error. */
export function rootMeanSquaredError(labels: Labels, values: Float64Array): number {
  return Math.sqrt(meanOver(labels, values, (y, p) => (p - y) ** 2));
}

/** Mean absolute error. */
export function meanAbsoluteError(labels: Labels, values: Float64Array): number {
  return meanOver(labels, values, (y, p) => Math.abs(p - y));
}

/** Share of the labels' variance that is explained; 0 for constant labels that are not met, 1 when they are. */
export function rSquared(labels: Labels, values: Float64Array): number {
  const mean = meanOver(labels, values, (y) => y);
  const residual = meanOver(labels, values, (y, p) => (y - p) ** 2);
  const total = meanOver(labels, values, (y) => (y - mean) ** 2);
  if (total === 0) return residual === 0 ? 1 : 0;
  return 1 - residual / total;
}

/**
 * Area under the ROC curve: the chance that a positive row scores above a negative one, ties counting half (Mann and
 * Whitney). Exact, O(n log n). NaN when one of the two labels is missing.
 */
export function areaUnderRoc(labels: Labels, scores: Float64Array): number {
  const { positives, negatives } = sortedByLabel(labels, scores);
  let [below, tied, sum] = [0, 0, 0];
  let at = 0;
  for (let i = 0; i < positives.length; ) {
    const score = positives[i]!;
    let same = 1;
    while (i + same < positives.length && positives[i + same] === score) same++;
    while (at < negatives.length && negatives[at]! < score) at++;
    below = at;
    while (at < negatives.length && negatives[at] === score) at++;
    tied = at - below;
    sum += same * (below + tied / 2);
    i += same;
  }
  const pairs = positives.length * negatives.length;
  return pairs === 0 ? Number.NaN : sum / pairs;
}

/** One point of a ROC curve: rows that score at least `threshold` are called positive. */
export interface RocPoint {
  readonly threshold: number;
  readonly falsePositiveRate: number;
  readonly truePositiveRate: number;
}

/**
 * The ROC curve from (0, 0) to (1, 1) with at most `pointsMax` points (200 when left out), spread evenly over the ranks;
 * the first threshold is infinite.
 */
export function rocCurve(labels: Labels, scores: Float64Array, pointsMax = 200): RocPoint[] {
  const { positives, negatives } = sortedByLabel(labels, scores);
  const points: RocPoint[] = [{ threshold: Number.POSITIVE_INFINITY, falsePositiveRate: 0, truePositiveRate: 0 }];
  const rows = labels.length;
  let [p, n] = [positives.length, negatives.length];
  while (p > 0 || n > 0) {
    const threshold = Math.max(positives[p - 1] ?? -Infinity, negatives[n - 1] ?? -Infinity);
    while (p > 0 && positives[p - 1]! >= threshold) p--;
    while (n > 0 && negatives[n - 1]! >= threshold) n--;
    const ranked = rows - p - n;
    if (ranked < rows && ranked * (pointsMax - 1) < points.length * rows) continue;
    points.push({
      threshold,
      falsePositiveRate: 1 - n / negatives.length,
      truePositiveRate: 1 - p / positives.length,
    });
  }
  return points;
}

/** Counts and rates at one threshold; a rate without rows to count is 0. */
export interface ThresholdMetrics {
  readonly threshold: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
  readonly accuracy: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Metrics of calling rows positive whose probability is above `threshold` (0.5 when left out). */
export function thresholdMetrics(labels: Labels, probabilities: Float64Array, threshold = 0.5): ThresholdMetrics {
  checkLengths(labels, probabilities);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < labels.length; i++)
    counts[(labels[i] === 1 ? 2 : 0) + (probabilities[i]! > threshold ? 1 : 0)]! += 1;
  const [trueNegatives, falsePositives, falseNegatives, truePositives] = counts as [number, number, number, number];
  const ratio = (a: number, b: number) => (b === 0 ? 0 : a / b);
  return {
    threshold,
    truePositives,
    falsePositives,
    trueNegatives,
    falseNegatives,
    accuracy: (truePositives + trueNegatives) / labels.length,
    precision: ratio(truePositives, truePositives + falsePositives),
    recall: ratio(truePositives, truePositives + falseNegatives),
    f1: ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
  };
}

function sortedByLabel(labels: Labels, scores: Float64Array) {
  checkLengths(labels, scores);
  let count = 0;
  for (let i = 0; i < labels.length; i++) count += labels[i] === 1 ? 1 : 0;
  const positives = new Float64Array(count);
  const negatives = new Float64Array(labels.length - count);
  for (let i = 0, p = 0, n = 0; i < labels.length; i++) {
    if (labels[i] === 1) positives[p++] = scores[i]!;
    else negatives[n++] = scores[i]!;
  }
  return { positives: positives.sort(), negatives: negatives.sort() };
}

/** Throws INVALID_ARGUMENT `METRIC_INPUT_INVALID` unless there are as many labels as predictions, and some. */
export function checkLengths(labels: Labels, predictions: Float64Array): void {
  if (labels.length === predictions.length && labels.length > 0) return;
  throw new AppError(
    'INVALID_ARGUMENT',
    `Metrics need as many labels as predictions, and at least one; got ${labels.length} and ${predictions.length}.`,
    { reason: 'METRIC_INPUT_INVALID' },
  );
}
