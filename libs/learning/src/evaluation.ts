import type { Interval } from './bootstrap.ts';
import { bootstrapMetric } from './bootstrap.ts';
import type { Calibration } from './calibration.ts';
import { calibration } from './calibration.ts';
import type { Task } from './estimator.ts';
import type { Frame } from './frame.ts';
import { selectRows, selectValues } from './frame.ts';
import type { Labels } from './matrix.ts';
import type { RocPoint, ThresholdMetrics } from './metrics.ts';
import {
  areaUnderRoc,
  brierScore,
  logLoss,
  meanAbsoluteError,
  rocCurve,
  rootMeanSquaredError,
  rSquared,
  thresholdMetrics,
} from './metrics.ts';
import type { FitPipelineOptions, PipelineSpec } from './pipeline.ts';
import { fitPipeline } from './pipeline.ts';
import type { Split } from './splits.ts';

/** All that is said about predictions on held-out rows. */
export interface Evaluation {
  readonly rows: number;
  /**
   * By name. Binary: `auc log_loss brier accuracy precision recall f1 ece positive_rate mean_prediction`.
   * Regression: `rmse mae r2 mean_prediction`.
   */
  readonly metrics: Readonly<Record<string, number>>;
  /** Bootstrap intervals of `auc log_loss brier accuracy`, or of `rmse mae`. */
  readonly intervals: Readonly<Record<string, Interval>>;
  /** Binary tasks only. */
  readonly threshold?: ThresholdMetrics;
  readonly calibration?: Calibration;
  readonly roc?: readonly RocPoint[];
}

/** Computes every metric of the task, with intervals drawn by the seed. */
export function evaluate(task: Task, labels: Labels, predictions: Float64Array, seed: number): Evaluation {
  const names = task === 'binary' ? (['auc', 'log_loss', 'brier', 'accuracy'] as const) : (['rmse', 'mae'] as const);
  const intervals = Object.fromEntries(
    names.map((name) => [name, bootstrapMetric(name, labels, predictions, { seed })]),
  );
  const mean = predictions.reduce((a, b) => a + b, 0) / predictions.length;
  const rows = labels.length;
  if (task === 'regression') {
    const metrics = pointMetrics(task, labels, predictions);
    return { rows, metrics: { ...metrics, mean_prediction: mean }, intervals };
  }
  const threshold = thresholdMetrics(labels, predictions);
  const bins = calibration(labels, predictions);
  return {
    rows,
    metrics: {
      ...pointMetrics(task, labels, predictions),
      precision: threshold.precision,
      recall: threshold.recall,
      f1: threshold.f1,
      ece: bins.expectedError,
      positive_rate: (threshold.truePositives + threshold.falseNegatives) / rows,
      mean_prediction: mean,
    },
    intervals,
    threshold,
    calibration: bins,
    roc: rocCurve(labels, predictions),
  };
}

function pointMetrics(task: Task, labels: Labels, predictions: Float64Array): Record<string, number> {
  return task === 'binary'
    ? {
        auc: areaUnderRoc(labels, predictions),
        log_loss: logLoss(labels, predictions),
        brier: brierScore(labels, predictions),
        accuracy: thresholdMetrics(labels, predictions).accuracy,
      }
    : {
        rmse: rootMeanSquaredError(labels, predictions),
        mae: meanAbsoluteError(labels, predictions),
        r2: rSquared(labels, predictions),
      };
}

/** Metrics over folds. */
export interface CrossValidation {
  readonly folds: readonly Readonly<Record<string, number>>[];
  readonly mean: Readonly<Record<string, number>>;
  /** Sample standard deviation between folds. */
  readonly deviation: Readonly<Record<string, number>>;
}

/**
 * Fits the pipeline on each fold's training rows (preprocessing included) and measures it on the fold's test rows.
 * `onFold` hears of each fold as it ends. Metrics are those of {@link Evaluation} without intervals.
 */
export async function crossValidate(
  frame: Frame,
  labels: Labels,
  spec: PipelineSpec,
  splits: readonly Split[],
  options: FitPipelineOptions & { readonly onFold?: (fold: number, metrics: Record<string, number>) => void } = {},
): Promise<CrossValidation> {
  const { weights, onFold, ...rest } = options;
  const folds: Record<string, number>[] = [];
  for (const [k, { train, test }] of splits.entries()) {
    const fitted = await fitPipeline(selectRows(frame, train), selectValues(labels, train), spec, {
      ...rest,
      ...(weights ? { weights: selectValues(weights, train) } : {}),
    });
    const metrics = pointMetrics(spec.task, selectValues(labels, test), fitted.predict(selectRows(frame, test)));
    folds.push(metrics);
    onFold?.(k, metrics);
  }
  const names = Object.keys(folds[0] ?? {});
  const over = (f: (values: number[]) => number) =>
    Object.fromEntries(names.map((name) => [name, f(folds.map((fold) => fold[name]!))]));
  const meanOf = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    folds,
    mean: over(meanOf),
    deviation: over((values) => {
      const mean = meanOf(values);
      return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, values.length - 1));
    }),
  };
}
