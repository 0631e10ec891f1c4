import type { Split } from '@millrace/learning';
import {
  areaUnderRoc,
  brierScore,
  calibration,
  fitPipeline,
  kFold,
  logLoss,
  meanAbsoluteError,
  rootMeanSquaredError,
  rSquared,
  thresholdMetrics,
  timeSeriesSplit,
} from '@millrace/learning';
import type { CrossValidationPlan, TrainingPlan } from '../domain/plan.ts';
import { fitOptions } from './fit-options.ts';
import type { FoldResult } from './messages.ts';
import type { Rows } from './rows.ts';
import { checkLabels, rowsAt, samplePositions } from './rows.ts';

/**
 * Fits preprocessing and model on each fold's training rows and measures them on its test rows. Throws as `checkLabels`
 * does for a fold, and INVALID_ARGUMENT `SPLIT_INVALID` when there are too few rows for the folds.
 */
export async function crossValidate(
  train: Rows,
  plan: TrainingPlan,
  cv: CrossValidationPlan,
  options: {
    readonly threads: number;
    readonly signal: AbortSignal;
    readonly onProgress: (share: number, message: string) => void;
  },
): Promise<FoldResult[]> {
  const { pipeline } = plan;
  const sample = rowsAt(train, samplePositions(train.frame.rows, cv.rowsMax, pipeline.seed));
  const results: FoldResult[] = [];
  for (const [k, split] of splits(sample, cv, pipeline.seed).entries()) {
    const [fold, test] = [rowsAt(sample, split.train), rowsAt(sample, split.test)];
    const name = `fold ${k + 1} of ${cv.folds}`;
    checkLabels(fold, pipeline.task, `training (${name})`);
    checkLabels(test, pipeline.task, `test (${name})`);
    const { rows, given } = fitOptions(fold, plan, options);
    const fitted = await fitPipeline(rows.frame, rows.labels, pipeline, {
      ...given,
      onRound: ({ round, rounds }) => options.onProgress((k + round / rounds) / cv.folds, `${name}, round ${round}`),
    });
    const metrics = pointMetrics(pipeline.task, test.labels, fitted.predict(test.frame));
    results.push({ trainRows: fold.frame.rows, testRows: test.frame.rows, metrics });
  }
  return results;
}

function splits({ times, frame }: Rows, { kind, folds, gapUs }: CrossValidationPlan, seed: number): Split[] {
  return kind === 'k_fold' ? kFold(frame.rows, { folds, seed }) : timeSeriesSplit(times, { folds, gap: gapUs });
}

function pointMetrics(
  task: 'binary' | 'regression',
  labels: Float64Array,
  predictions: Float64Array,
): Record<string, number> {
  if (task === 'regression')
    return {
      rmse: rootMeanSquaredError(labels, predictions),
      mae: meanAbsoluteError(labels, predictions),
      r2: rSquared(labels, predictions),
    };
  return {
    auc: areaUnderRoc(labels, predictions),
    log_loss: logLoss(labels, predictions),
    brier: brierScore(labels, predictions),
    accuracy: thresholdMetrics(labels, predictions).accuracy,
    ece: calibration(labels, predictions).expectedError,
  };
}
