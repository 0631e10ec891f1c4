import { invalidArgument } from '@millrace/kernel';
import type { TreeModel } from './model.ts';
import { treeCount } from './model.ts';
import { objectiveOf } from './objective.ts';

/** Rows that go through one tree before the next tree is taken up, so that both stay in the cache. */
const BLOCK = 2048;

/**
 * Raw scores, one a row: log odds for `binary`, the value for `l2`. The leaf values are added in float64 in the order
 * of the trees, then `baseScore`, and the sum is rounded to float32 once. ONNX Runtime does the same with the ensemble
 * that `appendTreeEnsemble` writes (float64 thresholds and weights, float32 output), so both give the same number;
 * should its threads add in another order, the difference is at most one unit in the last place of float32.
 *
 * `columns` are feature-major, NaN is missing; `rowIndex` says which rows, all `rows` when left out. Throws
 * INVALID_ARGUMENT `FEATURES_INVALID` when the columns do not fit the model.
 */
export function predictRaw(
  model: TreeModel,
  columns: readonly Float32Array[],
  rows: number,
  rowIndex?: Uint32Array,
): Float64Array {
  checkColumns(columns, rows, model.featureCount);
  const n = rowIndex?.length ?? rows;
  const out = new Float64Array(n);
  const trees = treeCount(model);
  const at = new Uint32Array(BLOCK);
  for (let begin = 0; begin < n; begin += BLOCK) {
    const size = Math.min(BLOCK, n - begin);
    for (let i = 0; i < size; i++) at[i] = rowIndex === undefined ? begin + i : rowIndex[begin + i]!;
    for (let t = 0; t < trees; t++) addTree(model, t, columns, at, size, out, begin);
    for (let i = begin; i < begin + size; i++) out[i] = Math.fround(out[i]! + model.baseScore);
  }
  return out;
}

/** Predictions: the probability of label 1 for `binary`, the value for `l2`; see {@link predictRaw}. */
export function predict(
  model: TreeModel,
  columns: readonly Float32Array[],
  rows: number,
  rowIndex?: Uint32Array,
): Float64Array {
  const { link } = objectiveOf(model.objective);
  const out = predictRaw(model, columns, rows, rowIndex);
  for (let i = 0; i < out.length; i++) out[i] = link(out[i]!);
  return out;
}

/** Checks number and length of feature columns; throws INVALID_ARGUMENT `FEATURES_INVALID`. */
export function checkColumns(columns: readonly Float32Array[], rows: number, featureCount: number): void {
  const wrong = (field: string, description: string) =>
    invalidArgument('FEATURES_INVALID', [{ field, reason: 'FEATURES_INVALID', description }]);
  if (columns.length !== featureCount)
    throw wrong('columns', `there are ${columns.length}, the model has ${featureCount}. Give them all, in its order.`);
  for (const [i, column] of columns.entries())
    if (column.length < rows)
      throw wrong(`columns[${i}]`, `has ${column.length} values for ${rows} rows. Give one a row.`);
}

function addTree(
  model: TreeModel,
  tree: number,
  columns: readonly Float32Array[],
  at: Uint32Array,
  size: number,
  out: Float64Array,
  begin: number,
): void {
  const { feature, threshold, missingLeft, left, right, value } = model;
  const root = model.roots[tree]!;
  for (let i = 0; i < size; i++) {
    const row = at[i]!;
    let node = root;
    for (let f = feature[node]!; f >= 0; f = feature[node]!) {
      const x = columns[f]![row]!;
      const t = threshold[node]!;
      // Neither at most t nor above it: missing.
      const goesLeft = x <= t || (missingLeft[node] === 1 && !(x > t));
      node = goesLeft ? left[node]! : right[node]!;
    }
    out[begin + i]! += value[node]!;
  }
}
