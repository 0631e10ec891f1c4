import type { WorkerContext } from '@millrace/jobs';
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
import type { CrossValidationPlan } from '../domain/plan.ts';
import { fitOptions } from './fit-options.ts';
import type { FoldInput, FoldResult, Progress } from './messages.ts';
import type { Rows } from './rows.ts';
import { checkLabels, rowsAt, samplePositions } from './rows.ts';

/**
 * One fold, in a worker thread: fits preprocessing and model on the fold's training rows and measures them on its test
 * rows. Throws as `checkLabels` does, and INVALID_ARGUMENT `SPLIT_INVALID` when there are too few rows for the folds.
 */
export async function validateFold(input: FoldInput, context: WorkerContext<Progress>): Promise<FoldResult> {
  const { plan, crossValidation, fold, threads } = input;
  const { pipeline } = plan;
  const sample = rowsAt(input.train, samplePositions(input.train.frame.rows, crossValidation.rowsMax, pipeline.seed));
  const split = splitsOf(sample, crossValidation, pipeline.seed)[fold]!;
  const [train, test] = [rowsAt(sample, split.train), rowsAt(sample, split.test)];
  const name = `fold ${fold + 1} of ${crossValidation.folds}`;
  checkLabels(train, pipeline.task, `training (${name})`);
  checkLabels(test, pipeline.task, `test (${name})`);
  const { rows, given } = fitOptions(train, plan, { threads, signal: context.signal });
  const fitted = await fitPipeline(rows.frame, rows.labels, pipeline, {
    ...given,
    onRound: ({ round, rounds }) =>
      context.progress({ phase: 'cross_validate', share: round / rounds, message: `${name}, round ${round}` }),
  });
  const metrics = pointMetrics(pipeline.task, test.labels, fitted.predict(test.frame));
  return { trainRows: train.frame.rows, testRows: test.frame.rows, metrics };
}

function splitsOf({ times, frame }: Rows, { kind, folds, gapUs }: CrossValidationPlan, seed: number): Split[] {
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
