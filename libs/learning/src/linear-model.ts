import type { GraphBuilder } from '@millrace/onnx';
import type { FittedEstimator } from './estimator.ts';
import type { Matrix } from './matrix.ts';

/** Rows handled at a time, so that the values in work stay in the cache. */
export const BLOCK_ROWS = 4096;

/** ONNX numbers of the element types that models cast to. */
const FLOAT = 1;
const DOUBLE = 11;

/** Mean and population standard deviation of every feature, weighted; 1 where the deviation is 0. */
export function featureMoments(matrix: Matrix, weights: ArrayLike<number> | undefined) {
  const mean = new Float64Array(matrix.columns.length);
  const deviation = new Float64Array(matrix.columns.length);
  for (const [j, column] of matrix.columns.entries()) {
    let [sum, total] = [0, 0];
    for (let i = 0; i < column.length; i++) {
      const w = weights ? weights[i]! : 1;
      sum += w * column[i]!;
      total += w;
    }
    mean[j] = sum / total;
    let squares = 0;
    for (let i = 0; i < column.length; i++) squares += (weights ? weights[i]! : 1) * (column[i]! - mean[j]!) ** 2;
    deviation[j] = Math.sqrt(squares / total) || 1;
  }
  return { mean, deviation };
}

/**
 * `intercept + coefficients · x` for the rows from `start`, written into `out`, whose length says how many. Four features
 * are taken up at a time, which halves the time.
 */
export function linearScores(
  matrix: Matrix,
  coefficients: Float64Array,
  intercept: number,
  start: number,
  out: Float64Array,
): void {
  out.fill(intercept);
  let j = 0;
  for (; j + 4 <= coefficients.length; j += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((k) => matrix.columns[j + k]!) as [F32, F32, F32, F32];
    const [wa, wb] = [coefficients[j]!, coefficients[j + 1]!];
    const [wc, wd] = [coefficients[j + 2]!, coefficients[j + 3]!];
    for (let i = 0, row = start; i < out.length; i++, row++) {
      out[i]! += wa * a[row]! + wb * b[row]! + (wc * c[row]! + wd * d[row]!);
    }
  }
  for (; j < coefficients.length; j++) {
    const column = matrix.columns[j]!;
    const w = coefficients[j]!;
    for (let i = 0; i < out.length; i++) out[i]! += w * column[start + i]!;
  }
}

/** Adds the sums of `values` times each feature, over the rows from `start`, to `sums`. */
export function addProducts(matrix: Matrix, values: Float64Array, start: number, sums: Float64Array): void {
  let j = 0;
  for (; j + 4 <= sums.length; j += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((k) => matrix.columns[j + k]!) as [F32, F32, F32, F32];
    let [sa, sb, sc, sd] = [0, 0, 0, 0];
    for (let i = 0, row = start; i < values.length; i++, row++) {
      const v = values[i]!;
      sa += v * a[row]!;
      sb += v * b[row]!;
      sc += v * c[row]!;
      sd += v * d[row]!;
    }
    sums[j]! += sa;
    sums[j + 1]! += sb;
    sums[j + 2]! += sc;
    sums[j + 3]! += sd;
  }
  for (; j < sums.length; j++) {
    const column = matrix.columns[j]!;
    for (let i = 0; i < values.length; i++) sums[j]! += values[i]! * column[start + i]!;
  }
}

type F32 = Float32Array;

/** The logistic function. */
export function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

/**
 * A linear model as a {@link FittedEstimator}; its importance is |coefficient| × deviation of the feature. In ONNX it is
 * computed in float64 and rounded once at the end, so that it differs from the trainer by the last bit of a float32.
 */
export function linearModel(model: {
  readonly names: readonly string[];
  readonly coefficients: Float64Array;
  readonly intercept: number;
  readonly deviation: Float64Array;
  readonly link: 'identity' | 'logistic';
  readonly rounds: number;
}): FittedEstimator & { readonly coefficients: Float64Array; readonly intercept: number } {
  const { coefficients, intercept, names } = model;
  return {
    coefficients,
    intercept,
    rounds: model.rounds,
    thresholds: {},
    importance: names
      .map((feature, j) => ({ feature, value: Math.abs(coefficients[j]!) * model.deviation[j]! }))
      .sort((a, b) => b.value - a.value || (a.feature < b.feature ? -1 : 1)),
    predict(matrix) {
      const out = new Float64Array(matrix.rows);
      for (let start = 0; start < out.length; start += BLOCK_ROWS) {
        linearScores(matrix, coefficients, intercept, start, out.subarray(start, start + BLOCK_ROWS));
      }
      return model.link === 'logistic' ? out.map(sigmoid) : out;
    },
    emit(graph, features) {
      const score = emitScore(graph, features, coefficients, intercept);
      const linked = model.link === 'logistic' ? graph.node({ op: 'Sigmoid', inputs: [score] })[0]! : score;
      return graph.node({ op: 'Cast', inputs: [linked], attributes: { to: { int: FLOAT } } })[0]!;
    },
  };
}

function emitScore(graph: GraphBuilder, features: string, coefficients: Float64Array, intercept: number): string {
  const [wide] = graph.node({ op: 'Cast', inputs: [features], attributes: { to: { int: DOUBLE } } });
  const weights = graph.constant({ type: 'float64', shape: [coefficients.length, 1], values: coefficients });
  const [product] = graph.node({ op: 'MatMul', inputs: [wide!, weights] });
  const bias = graph.constant({ type: 'float64', shape: [1], values: [intercept] });
  return graph.node({ op: 'Add', inputs: [product!, bias] })[0]!;
}
