import { runInWorker } from '@millrace/jobs';
import type { Frame } from '@millrace/learning';
import type { ColumnProfile } from '@millrace/profiles';
import type { TrainingPlan } from './domain/plan.ts';
import type { FitInput, FitResult, FoldInput, FoldResult, Phase, Progress } from './worker/messages.ts';
import { checkLabels, type Rows, splitRows } from './worker/rows.ts';

/** What a training gives. */
export interface TrainOutput extends Omit<FitResult, 'seconds' | 'predictionProfile'> {
  readonly folds: readonly FoldResult[];
  readonly trainRows: number;
  readonly testRows: number;
  /** Of the training rows' inputs, then `prediction` of the test rows. */
  readonly profile: readonly ColumnProfile[];
  readonly seconds: Readonly<Record<Phase, number>>;
}

/** How a training is computed. */
export interface ComputeOptions {
  /** At least 1. */
  readonly threads: number;
  /** Memory of each worker thread in MiB, besides the shared rows. */
  readonly memoryMib: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

const CROSS_VALIDATE = new URL('./worker/cross-validate.ts', import.meta.url);
const FIT = new URL('./worker/fit.ts', import.meta.url);
const PROFILE = new URL('./worker/profile.ts', import.meta.url);

/**
 * A whole training on rows in shared memory, all of it in worker threads: cross-validation (folds side by side, since a
 * fold's trees are too small to share out), then the final fit with all threads, and the profile beside test and parity
 * gate, which use one. The same rows and plan give the same output but for `seconds`, whatever the number of threads.
 *
 * Throws FAILED_PRECONDITION `TEST_SET_EMPTY`, `TOO_FEW_ROWS`, `LABEL_INVALID`, `ONE_CLASS`, `PARITY_FAILED`, and what
 * `fitPipeline` throws.
 */
export async function compute(rows: Rows, plan: TrainingPlan, options: ComputeOptions): Promise<TrainOutput> {
  const { task } = plan.pipeline;
  const { train, test } = splitRows(rows, plan.split);
  checkLabels(train, task, 'training');
  checkLabels(test, task, 'test');
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  const own = { ...options, signal };
  try {
    const foldsStart = performance.now();
    const folds = await crossValidate(train, plan, own);
    const foldsSeconds = secondsSince(foldsStart);
    const profiling = Promise.withResolvers<{ columns: ColumnProfile[]; seconds: number }>();
    profiling.promise.catch(() => undefined); // seen below, unless the fit fails first
    let isProfiling = false;
    const onProgress = (progress: Progress) => {
      options.onProgress(progress);
      if (progress.phase === 'fit' || isProfiling) return;
      isProfiling = true;
      profile(train.frame, own).then(profiling.resolve, profiling.reject);
    };
    const input: FitInput = { plan, train, test, threads: options.threads, metadata: options.metadata };
    const fitted = await runInWorker<FitResult, FitInput, Progress>(FIT, 'fitAndTest', input, {
      signal,
      onProgress,
      memoryMib: options.memoryMib,
    });
    const { predictionProfile, seconds, ...result } = fitted;
    const { columns, seconds: profileSeconds } = await profiling.promise;
    return {
      ...result,
      folds,
      trainRows: train.frame.rows,
      testRows: test.frame.rows,
      profile: [...columns, predictionProfile],
      seconds: { cross_validate: foldsSeconds, ...seconds, profile: profileSeconds },
    };
  } finally {
    abort.abort(); // ends what still runs after a failure
  }
}

/** Folds with the most rows first, as many at a time as there are threads; each has its share of the threads. */
async function crossValidate(train: Rows, plan: TrainingPlan, options: ComputeOptions): Promise<FoldResult[]> {
  const { crossValidation } = plan;
  if (!crossValidation) return [];
  const { folds } = crossValidation;
  const lanes = Math.min(folds, options.threads);
  const threads = Math.max(1, Math.floor(options.threads / folds));
  const shares = new Array<number>(folds).fill(0);
  const results = new Array<FoldResult>(folds);
  // The later folds of a time series train on more rows.
  const waiting = Array.from({ length: folds }, (_, i) => folds - 1 - i);
  const work = async () => {
    for (let fold = waiting.shift(); fold !== undefined; fold = waiting.shift()) {
      const at = fold;
      const input: FoldInput = { plan, crossValidation, train, fold: at, threads };
      results[at] = await runInWorker<FoldResult, FoldInput, Progress>(CROSS_VALIDATE, 'validateFold', input, {
        signal: options.signal,
        memoryMib: options.memoryMib,
        onProgress(progress) {
          shares[at] = progress.share;
          options.onProgress({ ...progress, share: shares.reduce((a, b) => a + b, 0) / folds });
        },
      });
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
  return results;
}

async function profile(frame: Frame, options: ComputeOptions): Promise<{ columns: ColumnProfile[]; seconds: number }> {
  const start = performance.now();
  const columns = await runInWorker<ColumnProfile[], Frame>(PROFILE, 'profileFrame', frame, {
    signal: options.signal,
    memoryMib: options.memoryMib,
  });
  return { columns, seconds: secondsSince(start) };
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
