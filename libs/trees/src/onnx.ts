import type { GraphBuilder } from '@millrace/onnx';
import { ML_DOMAIN } from '@millrace/onnx';
import type { TreeModel } from './model.ts';
import { treeCount } from './model.ts';

/** What the ensemble's last node gives. */
export interface EnsembleOptions {
  /** `raw` is the raw score; `prediction` is the probability of label 1 for `binary`. Default `prediction`. */
  readonly output?: 'raw' | 'prediction';
}

/**
 * Adds the model to a graph as `Cast` to double and `TreeEnsembleRegressor` (ai.onnx.ml 3), followed by `Sigmoid` where
 * the objective asks for it. `input` names a float32 tensor [N, featureCount], missing values NaN; gives the name of a
 * float32 tensor [N, 1].
 *
 * The double form is used on purpose: float32 thresholds are exact in it, and ONNX Runtime then adds the leaf values in
 * float64 and rounds once, as `predictRaw` does. With float32 weights the sum would depend on its order.
 */
export function appendTreeEnsemble(
  graph: GraphBuilder,
  input: string,
  model: TreeModel,
  options: EnsembleOptions = {},
): string {
  const [wide] = graph.node({ op: 'Cast', inputs: [input], attributes: { to: { int: DOUBLE } } });
  const [raw] = graph.node({
    op: 'TreeEnsembleRegressor',
    domain: ML_DOMAIN,
    inputs: [wide!],
    attributes: ensembleAttributes(model),
  });
  if (options.output === 'raw' || model.objective !== 'binary') return raw!;
  return graph.node({ op: 'Sigmoid', inputs: [raw!] })[0]!;
}

/** TensorProto.DataType.DOUBLE. */
const DOUBLE = 11;

function ensembleAttributes(model: TreeModel) {
  const { feature, threshold, missingLeft, left, right, value } = treeCount(model) > 0 ? model : constantZero();
  const roots = treeCount(model) > 0 ? model.roots : Uint32Array.of(0, 1);
  const trees = new Int32Array(feature.length);
  const ids = new Int32Array(feature.length);
  const leaves: number[] = [];
  for (let t = 0; t + 1 < roots.length; t++) {
    for (let n = roots[t]!; n < roots[t + 1]!; n++) {
      trees[n] = t;
      ids[n] = n - roots[t]!;
      if (feature[n]! < 0) leaves.push(n);
    }
  }
  const modes = Array.from(feature, (f) => (f < 0 ? 'LEAF' : 'BRANCH_LEQ'));
  const child = (to: Uint32Array) => ({ ints: Int32Array.from(feature, (f, n) => (f < 0 ? 0 : ids[to[n]!]!)) });
  const doubles = (values: ArrayLike<number>) => ({
    tensor: { type: 'float64' as const, shape: [values.length], values: Float64Array.from(values) },
  });
  return {
    n_targets: { int: 1 },
    aggregate_function: { string: 'SUM' },
    post_transform: { string: 'NONE' },
    base_values_as_tensor: doubles([model.baseScore]),
    nodes_treeids: { ints: trees },
    nodes_nodeids: { ints: ids },
    nodes_featureids: { ints: Int32Array.from(feature, (f) => Math.max(f, 0)) },
    nodes_modes: { strings: modes },
    nodes_values_as_tensor: doubles(threshold),
    nodes_truenodeids: child(left),
    nodes_falsenodeids: child(right),
    nodes_missing_value_tracks_true: { ints: missingLeft },
    target_treeids: { ints: leaves.map((n) => trees[n]!) },
    target_nodeids: { ints: leaves.map((n) => ids[n]!) },
    target_ids: { ints: new Int32Array(leaves.length) },
    target_weights_as_tensor: doubles(leaves.map((n) => value[n]!)),
  };
}

/** A tree of one leaf with value 0: ONNX has no ensemble without trees. */
function constantZero(): Pick<TreeModel, 'feature' | 'threshold' | 'missingLeft' | 'left' | 'right' | 'value'> {
  return {
    feature: Int32Array.of(-1),
    threshold: new Float32Array(1),
    missingLeft: new Uint8Array(1),
    left: new Uint32Array(1),
    right: new Uint32Array(1),
    value: new Float64Array(1),
  };
}
