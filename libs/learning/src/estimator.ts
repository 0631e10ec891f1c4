import type { FieldViolation } from '@millrace/kernel';
import { AppError, invalidArgument } from '@millrace/kernel';
import type { GraphBuilder } from '@millrace/onnx';
import type { Labels, Matrix, Weights } from './matrix.ts';

/** What is predicted: the probability of label 1, or a number. */
export type Task = 'binary' | 'regression';

/** How far a fit has come. */
export interface FitProgress {
  /** Rounds (boosting) or iterations (linear models) done. */
  readonly round: number;
  /** The most rounds there may be. */
  readonly rounds: number;
  /** Mean loss on the training rows, when it is known. */
  readonly trainingLoss?: number;
  /** Mean loss on the validation rows, when there are any. */
  readonly validationLoss?: number;
}

/** Everything about a fit but its data. */
export interface FitOptions {
  readonly seed: number;
  readonly weights?: Weights | undefined;
  /** Rows for early stopping; estimators that do not stop early ignore them. */
  readonly validation?: { readonly matrix: Matrix; readonly labels: Labels } | undefined;
  /** Threads at most; 1 when left out. Their number does not change the model. */
  readonly threads?: number | undefined;
  readonly onRound?: ((progress: FitProgress) => void) | undefined;
  /** Checked every round; an aborted fit throws CANCELLED `TRAINING_CANCELLED`. */
  readonly signal?: AbortSignal | undefined;
}

/** How much one feature counts; what the number means depends on the estimator. */
export interface Importance {
  readonly feature: string;
  readonly value: number;
}

/** A fitted model over features. */
export interface FittedEstimator {
  /** Probability of label 1, or the value, for each row; in the trainer's full precision. */
  predict(matrix: Matrix): Float64Array;
  /** Adds the model to a graph: from features [N,F] float32 to the prediction [N,1] float32, whose name it gives. */
  emit(graph: GraphBuilder, features: string): string;
  /** The features that count, most important first. */
  readonly importance: readonly Importance[];
  /** Values of features between which predictions jump, by feature; the parity gate tests rows on them. */
  readonly thresholds: Readonly<Record<string, ArrayLike<number>>>;
  /** Rounds or iterations that the model is made of. */
  readonly rounds: number;
}

/** A learning algorithm. */
export interface Estimator {
  /** Whether features may be missing (NaN). */
  readonly acceptsMissing: boolean;
  fit(matrix: Matrix, labels: Labels, options: FitOptions): Promise<FittedEstimator>;
}

/** Throws CANCELLED `TRAINING_CANCELLED` once the signal is aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new AppError('CANCELLED', 'Training was cancelled.', { reason: 'TRAINING_CANCELLED', cause: signal.reason });
}

/** Throws INVALID_ARGUMENT `FEATURE_NOT_FINITE` when a feature holds NaN or an infinity. */
export function checkFinite(matrix: Matrix): void {
  for (const [j, column] of matrix.columns.entries()) {
    for (let i = 0; i < column.length; i++) {
      if (Number.isFinite(column[i]!)) continue;
      const feature = matrix.names[j] as string;
      throw new AppError(
        'INVALID_ARGUMENT',
        `Feature "${feature}" is ${column[i]} in training row ${i}. Add an "impute" step, drop the column, or use gradient boosting.`,
        { reason: 'FEATURE_NOT_FINITE', fields: { feature, row: String(i) } },
      );
    }
  }
}

/** Reads numeric parameters with their defaults and bounds; all wrong ones are reported at once. */
export function readParams<Names extends string>(
  given: Readonly<Record<string, unknown>>,
  known: Readonly<Record<Names, { readonly default: number; readonly min: number; readonly max: number }>>,
): Record<Names, number> {
  const violations: FieldViolation[] = [];
  const values = {} as Record<Names, number>;
  for (const name of Object.keys(known) as Names[]) {
    const { min, max } = known[name];
    const value = given[name] ?? known[name].default;
    if (typeof value === 'number' && value >= min && value <= max) values[name] = value;
    else violations.push({ field: name, description: `is ${JSON.stringify(value)}; give a number in ${min}..${max}.` });
  }
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(known, name)) continue;
    violations.push({ field: name, description: `is not a parameter. Known: ${Object.keys(known).join(', ')}.` });
  }
  if (violations.length > 0) throw invalidArgument('ESTIMATOR_PARAMS_INVALID', violations);
  return values;
}
