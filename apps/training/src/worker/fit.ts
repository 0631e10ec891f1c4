import type { WorkerContext } from '@millrace/jobs';
import { AppError } from '@millrace/kernel';
import type { FittedPipeline, Parity } from '@millrace/learning';
import { checkParity, evaluate, fitPipeline } from '@millrace/learning';
import { fitOptions } from './fit-options.ts';
import type { FitInput, FitResult, Phase, Progress } from './messages.ts';
import { profileNumbers } from './profile.ts';

/**
 * The final fit, in a worker thread: fit, test, export, parity gate. The same rows and plan give the same result but for
 * `seconds`, whatever the number of threads. Throws FAILED_PRECONDITION `PARITY_FAILED`, and what `fitPipeline` throws.
 */
export async function fitAndTest(input: FitInput, context: WorkerContext<Progress>): Promise<FitResult> {
  const { plan, test, metadata } = input;
  const { task, seed } = plan.pipeline;
  const seconds = { fit: 0, test: 0, parity: 0 };
  const timed = async <T>(phase: Phase & keyof typeof seconds, message: string, work: () => T | Promise<T>) => {
    const start = performance.now();
    context.progress({ phase, share: 0, message });
    const result = await work();
    seconds[phase] = (performance.now() - start) / 1000;
    return result;
  };

  const fitted = await timed('fit', 'fitting', () => fit(input, context));
  const { predictions, evaluation } = await timed('test', 'testing', () => {
    const predicted = fitted.predict(test.frame);
    return { predictions: predicted, evaluation: evaluate(task, test.labels, predicted, seed) };
  });
  const model = fitted.exportOnnx({ metadata });
  const parity = await timed('parity', 'comparing with ONNX Runtime', () =>
    checkParity(fitted, model, test.frame, {
      tolerance: plan.parityTolerance,
      predictions,
      signal: context.signal,
    }),
  );
  requireParity(parity);
  return {
    model,
    predictionProfile: await profileNumbers('prediction', Float32Array.from(predictions), context.signal),
    metrics: evaluation.metrics,
    intervals: evaluation.intervals,
    parity,
    rounds: fitted.rounds,
    importances: fitted.importance.map(({ feature, value }) => ({ feature, gain: value })),
    roc: evaluation.roc ?? [],
    calibration: evaluation.calibration?.bins ?? [],
    optionalInputs: optionalInputs(fitted, plan.pipeline.estimator.kind === 'gradient_boosting'),
    seconds,
  };
}

async function fit({ plan, train, threads }: FitInput, context: WorkerContext<Progress>): Promise<FittedPipeline> {
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
