import type { Estimator } from './estimator.ts';
import { checkFinite, readParams, throwIfCancelled } from './estimator.ts';
import { minimize } from './lbfgs.ts';
import { addProducts, BLOCK_ROWS, featureMoments, linearModel, linearScores } from './linear-model.ts';
import type { Labels, Matrix, Weights } from './matrix.ts';

/** Parameters of logistic regression. */
export interface LogisticParams {
  /** Inverse strength of the L2 penalty, as scikit-learn's `C`; 1 when left out, 1e-9 to 1e12. */
  readonly c?: number;
  /** Most L-BFGS iterations; 200 when left out. */
  readonly iterationsMax?: number;
  /** Stops when no component of the mean loss' gradient (by scaled features) is larger; 1e-7 when left out. */
  readonly tolerance?: number;
}

/**
 * Logistic regression with an L2 penalty: minimises `c · Σ weight · log loss + ½ ‖w‖²`, intercept not penalised, which
 * is the objective of scikit-learn's LogisticRegression. The optimiser works on centred features of deviation 1, the
 * penalty stays on the coefficients of the given ones.
 */
export function logisticRegression(given: Readonly<Record<string, unknown>>): Estimator {
  const params = readParams(given, {
    c: { default: 1, min: 1e-9, max: 1e12 },
    iterationsMax: { default: 200, min: 1, max: 100_000 },
    tolerance: { default: 1e-7, min: 1e-14, max: 1 },
  });
  return {
    acceptsMissing: false,
    async fit(matrix, labels, options) {
      checkFinite(matrix);
      const { mean, deviation } = featureMoments(matrix, options.weights);
      const objective = logisticObjective(matrix, labels, options.weights, mean, deviation, params.c);
      const { x, iterations } = minimize(objective, new Float64Array(mean.length + 1), {
        iterationsMax: params.iterationsMax,
        gradientTolerance: params.tolerance,
        onIteration(round, trainingLoss) {
          throwIfCancelled(options.signal);
          options.onRound?.({ round, rounds: params.iterationsMax, trainingLoss });
        },
      });
      const { coefficients, intercept } = unscale(x, mean, deviation);
      const link = 'logistic' as const;
      return linearModel({ names: matrix.names, coefficients, intercept, deviation, link, rounds: iterations });
    },
  };
}

/** Coefficients and intercept for the given features from those for the scaled ones. */
function unscale(x: Float64Array, mean: Float64Array, deviation: Float64Array) {
  const coefficients = deviation.map((s, j) => x[j]! / s);
  let intercept = x[mean.length]!;
  for (let j = 0; j < mean.length; j++) intercept -= coefficients[j]! * mean[j]!;
  return { coefficients, intercept };
}

/** Taken from `Math` once: in the realm that tests run in, each look-up of a global is slow. */
const { abs, exp, log1p, max } = Math;

/** Mean loss and penalty over scaled coefficients, the intercept last. */
function logisticObjective(
  matrix: Matrix,
  labels: Labels,
  weights: Weights | undefined,
  mean: Float64Array,
  deviation: Float64Array,
  c: number,
) {
  const features = mean.length;
  let total = matrix.rows;
  if (weights) total = (weights as Float64Array).reduce((sum, w) => sum + w, 0);
  const block = new Float64Array(BLOCK_ROWS);

  return (x: Float64Array, gradient: Float64Array): number => {
    const { coefficients, intercept } = unscale(x, mean, deviation);
    const raw = new Float64Array(features);
    let [loss, residuals] = [0, 0];
    for (let start = 0; start < matrix.rows; start += BLOCK_ROWS) {
      const scores = block.subarray(0, Math.min(BLOCK_ROWS, matrix.rows - start));
      linearScores(matrix, coefficients, intercept, start, scores);
      for (let i = 0; i < scores.length; i++) {
        const z = scores[i]!;
        const y = labels[start + i]!;
        const w = weights ? weights[start + i]! : 1;
        const tail = exp(-abs(z));
        loss += w * (max(z, 0) - y * z + log1p(tail));
        scores[i] = w * ((z >= 0 ? 1 / (1 + tail) : tail / (1 + tail)) - y);
        residuals += scores[i]!;
      }
      addProducts(matrix, scores, start, raw);
    }
    let penalty = 0;
    for (let j = 0; j < features; j++) {
      const w = coefficients[j]!;
      penalty += w * w;
      gradient[j] = ((raw[j]! - mean[j]! * residuals) / total + w / (c * total)) / deviation[j]!;
    }
    gradient[features] = residuals / total;
    return loss / total + penalty / (2 * c * total);
  };
}
