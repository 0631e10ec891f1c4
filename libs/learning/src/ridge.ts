import { AppError } from '@millrace/kernel';
import type { Estimator } from './estimator.ts';
import { checkFinite, readParams, throwIfCancelled } from './estimator.ts';
import { featureMoments, linearModel } from './linear-model.ts';
import type { Labels, Matrix, Weights } from './matrix.ts';

/** Parameters of linear regression. */
export interface LinearParams {
  /** Strength of the L2 penalty, as scikit-learn's Ridge `alpha`; 1 when left out, 0 for least squares. */
  readonly alpha?: number;
}

/** Rows centred at a time. */
const BLOCK_ROWS = 1024;

/**
 * Linear (ridge) regression: minimises `Σ weight · (y - b - w·x)² + alpha ‖w‖²`, intercept not penalised, by the normal
 * equations of centred features and Cholesky's factorisation; work grows with rows × features².
 * Throws FAILED_PRECONDITION `FEATURES_COLLINEAR` when alpha is 0 and features depend on each other.
 */
export function linearRegression(given: Readonly<Record<string, unknown>>): Estimator {
  const params = readParams(given, { alpha: { default: 1, min: 0, max: 1e12 } });
  return {
    acceptsMissing: false,
    async fit(matrix, labels, options) {
      checkFinite(matrix);
      const { mean, deviation } = featureMoments(matrix, options.weights);
      const labelMean = weightedMean(labels, options.weights);
      const { gram, moment } = normalEquations(matrix, labels, options, mean, labelMean);
      for (let j = 0; j < mean.length; j++) gram[j * mean.length + j]! += params.alpha;
      const coefficients = solveSymmetric(gram, moment);
      let intercept = labelMean;
      for (let j = 0; j < mean.length; j++) intercept -= coefficients[j]! * mean[j]!;
      options.onRound?.({ round: 1, rounds: 1 });
      return linearModel({ names: matrix.names, coefficients, intercept, deviation, link: 'identity', rounds: 1 });
    },
  };
}

function weightedMean(labels: Labels, weights: Weights | undefined): number {
  let [sum, total] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    const w = weights ? weights[i]! : 1;
    sum += w * labels[i]!;
    total += w;
  }
  return sum / total;
}

/** XᵀWX (full, row-major) and XᵀWy of centred features and labels. */
function normalEquations(
  matrix: Matrix,
  labels: Labels,
  options: { readonly weights?: Weights | undefined; readonly signal?: AbortSignal | undefined },
  mean: Float64Array,
  labelMean: number,
) {
  const n = mean.length;
  const gram = new Float64Array(n * n);
  const moment = new Float64Array(n);
  const centred = Array.from({ length: n }, () => new Float64Array(BLOCK_ROWS));
  const target = new Float64Array(BLOCK_ROWS);
  for (let start = 0; start < matrix.rows; start += BLOCK_ROWS) {
    throwIfCancelled(options.signal);
    const rows = Math.min(BLOCK_ROWS, matrix.rows - start);
    for (let i = 0; i < rows; i++) {
      const root = options.weights ? Math.sqrt(options.weights[start + i]!) : 1;
      target[i] = root * (labels[start + i]! - labelMean);
      for (let j = 0; j < n; j++) centred[j]![i] = root * (matrix.columns[j]![start + i]! - mean[j]!);
    }
    for (let j = 0; j < n; j++) {
      moment[j]! += dot(centred[j]!, target, rows);
      for (let k = 0; k <= j; k++) gram[j * n + k]! += dot(centred[j]!, centred[k]!, rows);
    }
  }
  for (let j = 0; j < n; j++) for (let k = 0; k < j; k++) gram[k * n + j] = gram[j * n + k]!;
  return { gram, moment };
}

function dot(a: Float64Array, b: Float64Array, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Solves A x = b for a symmetric positive definite A (row-major, overwritten) by Cholesky's factorisation. */
function solveSymmetric(a: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  const diagonal = Float64Array.from({ length: n }, (_, j) => a[j * n + j]!);
  for (let j = 0; j < n; j++) {
    let pivot = a[j * n + j]!;
    for (let k = 0; k < j; k++) pivot -= a[j * n + k]! ** 2;
    if (!(pivot > 1e-12 * diagonal[j]!)) throw collinear();
    const root = Math.sqrt(pivot);
    a[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      a[i * n + j] = sum / root;
    }
  }
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= a[i * n + k]! * x[k]!;
    x[i]! /= a[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= a[k * n + i]! * x[k]!;
    x[i]! /= a[i * n + i]!;
  }
  return x;
}

function collinear(): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    'Features depend on each other or are constant, so least squares has no single answer. Set alpha above 0, or drop features.',
    { reason: 'FEATURES_COLLINEAR' },
  );
}
