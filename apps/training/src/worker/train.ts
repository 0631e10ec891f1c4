import type { WorkerContext } from '@millrace/jobs';
import { AppError } from '@millrace/kernel';
import type { FittedPipeline, Parity } from '@millrace/learning';
import { checkParity, evaluate, fitPipeline } from '@millrace/learning';
import { crossValidate } from './cross-validate.ts';
import { fitOptions } from './fit-options.ts';
import type { FoldResult, Phase, TrainInput, TrainOutput, TrainProgress } from './messages.ts';
import { profileRows } from './profile.ts';
import { checkLabels, type Rows, splitRows } from './rows.ts';

/**
 * A whole training, in a worker thread: split, cross-validation, fit, test, export, parity gate, profile. The same rows
 * and plan give the same output but for `seconds`, whatever the number of threads.
 *
 * Throws FAILED_PRECONDITION `TEST_SET_EMPTY`, `TOO_FEW_ROWS`, `LABEL_INVALID`, `ONE_CLASS`, `PARITY_FAILED`, and what
 * `fitPipeline` throws.
 */
export async function train(input: TrainInput, context: WorkerContext<TrainProgress>): Promise<TrainOutput> {
  const { plan, threads } = input;
  const { task, seed } = plan.pipeline;
  const { signal } = context;
  const seconds = { cross_validate: 0, fit: 0, test: 0, parity: 0, profile: 0 };
  const timed = async <T>(phase: Phase, message: string, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    context.progress({ phase, share: 0, message });
    const result = await work();
    seconds[phase] = (performance.now() - start) / 1000;
    return result;
  };

  const rows = splitRows({ frame: input.frame, labels: input.labels, times: input.times }, plan.split);
  checkLabels(rows.train, task, 'training');
  checkLabels(rows.test, task, 'test');
  const { crossValidation } = plan;
  const folds = await timed('cross_validate', 'cross-validating', async (): Promise<FoldResult[]> => {
    if (!crossValidation) return [];
    const onProgress = (share: number, message: string) =>
      context.progress({ phase: 'cross_validate', share, message });
    return await crossValidate(rows.train, plan, crossValidation, { threads, signal, onProgress });
  });
  const fitted = await timed('fit', 'fitting', () => fit(rows.train, input, context));
  const { predictions, evaluation } = await timed('test', 'testing', async () => {
    const predicted = fitted.predict(rows.test.frame);
    return { predictions: predicted, evaluation: evaluate(task, rows.test.labels, predicted, seed) };
  });
  const model = fitted.exportOnnx({ metadata: input.metadata });
  const parity = await timed('parity', 'comparing with ONNX Runtime', () =>
    checkParity(fitted, model, rows.test.frame, { tolerance: plan.parityTolerance, signal }),
  );
  requireParity(parity);
  const profile = await timed('profile', 'profiling', () => profileRows(rows.train.frame, predictions, signal));
  return {
    model,
    metrics: evaluation.metrics,
    intervals: evaluation.intervals,
    folds,
    parity,
    trainRows: rows.train.frame.rows,
    testRows: rows.test.frame.rows,
    rounds: fitted.rounds,
    importances: fitted.importance.map(({ feature, value }) => ({ feature, gain: value })),
    roc: evaluation.roc ?? [],
    calibration: evaluation.calibration?.bins ?? [],
    optionalInputs: optionalInputs(fitted, plan.pipeline.estimator.kind === 'gradient_boosting'),
    profile,
    seconds,
  };
}

async function fit(train: Rows, input: TrainInput, context: WorkerContext<TrainProgress>): Promise<FittedPipeline> {
  const { plan, threads } = input;
  const { rows, given } = fitOptions(train, plan, { threads, signal: context.signal });
  return await fitPipeline(rows.frame, rows.labels, plan.pipeline, {
    ...given,
    onRound: ({ round, rounds, trainingLoss, validationLoss }) =>
      context.progress({
        phase: 'fit',
        share: round / rounds,
        message: `round ${round} of ${rounds}`,
        round: {
          round,
          ...(trainingLoss !== undefined && { trainingLoss }),
          ...(validationLoss !== undefined && { validationLoss }),
        },
      }),
  });
}

/** Throws FAILED_PRECONDITION `PARITY_FAILED` with the figures when the gate does not hold. */
export function requireParity({ ok, maxAbs, meanAbs, labelFlips, tolerance, rows }: Parity): void {
  if (ok && labelFlips === 0) return;
  throw new AppError(
    'FAILED_PRECONDITION',
    `ONNX Runtime differs from the trainer by up to ${maxAbs} (allowed ${tolerance}) and in ${labelFlips} labels (allowed 0) over ${rows} rows. The model is not kept; raise parity_tolerance only with a reason.`,
    {
      reason: 'PARITY_FAILED',
      fields: {
        maxAbs: String(maxAbs),
        meanAbs: String(meanAbs),
        labelFlips: String(labelFlips),
        tolerance: String(tolerance),
        rows: String(rows),
      },
    },
  );
}

/** Trees know missing values; other models do where a step fills them, or a missing text gives zeros. */
function optionalInputs(fitted: FittedPipeline, isBoosting: boolean): string[] {
  const fills = ({ encoder, steps }: FittedPipeline['columns'][number]) =>
    encoder?.op === 'one_hot' || encoder?.missingAs !== undefined || steps.some(({ op }) => op === 'impute');
  return fitted.columns.filter((column) => isBoosting || fills(column)).map(({ name }) => name);
}
