import { type BootstrapMetric, bootstrapMetric } from '@millrace/learning/bootstrap';
import { calibration } from '@millrace/learning/calibration';
import {
  areaUnderRoc,
  brierScore,
  logLoss,
  meanAbsoluteError,
  rootMeanSquaredError,
  thresholdMetrics,
} from '@millrace/learning/metrics';

/** What the model predicts: the probability of label 1, or a number. */
export type Task = 'binary' | 'regression';

/** What is known of a metric. */
interface MetricKind {
  readonly task: Task;
  /** Which way is worse; `either`: any change. */
  readonly worse: 'lower' | 'higher' | 'either';
  /** Its name among a model version's metrics. */
  readonly referenceName: string;
}

/** The metrics that are computed and that bounds may name. */
export const METRICS: Readonly<Record<string, MetricKind>> = {
  auc: { task: 'binary', worse: 'lower', referenceName: 'auc' },
  log_loss: { task: 'binary', worse: 'higher', referenceName: 'log_loss' },
  brier: { task: 'binary', worse: 'higher', referenceName: 'brier' },
  ece: { task: 'binary', worse: 'higher', referenceName: 'ece' },
  accuracy: { task: 'binary', worse: 'lower', referenceName: 'accuracy' },
  label_rate: { task: 'binary', worse: 'either', referenceName: 'positive_rate' },
  rmse: { task: 'regression', worse: 'higher', referenceName: 'rmse' },
  mae: { task: 'regression', worse: 'higher', referenceName: 'mae' },
};

/** Their names. */
export const METRIC_NAMES: readonly string[] = Object.keys(METRICS);

/** A bin of a calibration curve. */
export interface CalibrationPoint {
  readonly predicted: number;
  readonly observed: number;
  readonly rows: number;
}

/** Metrics of predictions whose truth is known. */
export interface Performance {
  /** Rows that were measured. */
  readonly rows: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly intervals: Readonly<Record<string, { readonly lower: number; readonly upper: number }>>;
  readonly calibration: readonly CalibrationPoint[];
  readonly notes: readonly string[];
}

/** Replicates of each bootstrap: an end of the interval is the fifth of 200 from outside. */
const REPLICATES = 200;

/**
 * Computes the task's metrics over the rows that have a truth (labels that are not NaN), with 95 % intervals by a Poisson
 * bootstrap drawn by the seed (`label_rate`: by Wilson's formula); the rows' order is part of the draw. `ece` has no interval: resampling makes it larger, so a
 * percentile interval would miss it. Undefined where no row can be measured.
 */
export function measurePerformance(
  task: Task,
  allLabels: Float64Array,
  allPredictions: Float64Array,
  seed: number,
): Performance | undefined {
  const notes: string[] = [];
  const { labels, predictions, strange } = measurable(task, allLabels, allPredictions);
  if (strange > 0)
    notes.push(`${strange} labels are neither 0 nor 1 and were left out; record the truth of these predictions again.`);
  if (labels.length === 0) return undefined;
  const metrics =
    task === 'binary'
      ? binaryMetrics(labels, predictions)
      : { rmse: rootMeanSquaredError(labels, predictions), mae: meanAbsoluteError(labels, predictions) };
  if (Number.isNaN(metrics.auc)) {
    delete (metrics as Record<string, number>).auc;
    notes.push('auc has no value: all known labels are the same.');
  }
  return {
    rows: labels.length,
    metrics,
    intervals: intervalsOf(Object.keys(metrics), labels, predictions, seed),
    calibration:
      task === 'binary'
        ? calibration(labels, predictions).bins.map(({ meanProbability, observed, rows }) => ({
            predicted: meanProbability,
            observed,
            rows,
          }))
        : [],
    notes,
  };
}

/** The rows that have both a prediction and a label of the right kind. */
function measurable(task: Task, labels: Float64Array, predictions: Float64Array) {
  let strange = 0;
  const keep: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    if (Number.isNaN(labels[i]) || !Number.isFinite(predictions[i])) continue;
    if (task === 'binary' && labels[i] !== 0 && labels[i] !== 1) strange++;
    else keep.push(i);
  }
  return {
    labels: Float64Array.from(keep, (i) => labels[i] as number),
    predictions: Float64Array.from(keep, (i) => predictions[i] as number),
    strange,
  };
}

function binaryMetrics(labels: Float64Array, predictions: Float64Array): Record<string, number> {
  return {
    auc: areaUnderRoc(labels, predictions),
    log_loss: logLoss(labels, predictions),
    brier: brierScore(labels, predictions),
    ece: calibration(labels, predictions).expectedError,
    accuracy: thresholdMetrics(labels, predictions).accuracy,
    label_rate: labels.reduce((sum, label) => sum + label, 0) / labels.length,
  };
}

function intervalsOf(names: readonly string[], labels: Float64Array, predictions: Float64Array, seed: number) {
  const options = { seed, replicates: REPLICATES };
  const intervals: Record<string, { lower: number; upper: number }> = {};
  for (const name of names) {
    if (name === 'ece') continue;
    if (name === 'label_rate') {
      intervals[name] = wilson(labels);
      continue;
    }
    const found = bootstrapMetric(name as BootstrapMetric, labels, predictions, options);
    intervals[name] = { lower: found.low, upper: found.high };
  }
  return intervals;
}

/** The 95 % interval of the share of label 1 (Wilson, 1927), which needs no draws. */
function wilson(labels: Float64Array): { lower: number; upper: number } {
  const n = labels.length;
  const z2 = 1.959963984540054 ** 2;
  const share = labels.reduce((sum, label) => sum + label, 0) / n;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = Math.sqrt(z2 * ((share * (1 - share)) / n + z2 / (4 * n * n))) / (1 + z2 / n);
  return { lower: Math.max(0, centre - half), upper: Math.min(1, centre + half) };
}
