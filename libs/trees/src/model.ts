import type { Digest } from '@millrace/kernel';
import { AppError, canonicalJson, sha256 } from '@millrace/kernel';
import type { FeatureBins } from './bins.ts';
import type { GrownTree } from './grow.ts';
import type { ObjectiveName } from './objective.ts';
import type { TreeParams } from './params.ts';

/**
 * A trained ensemble: plain data. The nodes of all trees lie one after another in arrays of equal length; children are
 * absolute positions in them. A row goes left when `x <= threshold` (both float32), or when x is NaN and `missingLeft`
 * is 1. The raw score is the sum of one leaf value a tree, plus `baseScore`.
 */
export interface TreeModel {
  readonly objective: ObjectiveName;
  /** How many columns a row has, unused ones included. */
  readonly featureCount: number;
  /** Names of the columns, when the caller gave them. */
  readonly featureNames?: readonly string[];
  readonly baseScore: number;
  /** Seed and parameters it was trained with. */
  readonly seed: number | string;
  readonly params: TreeParams;
  /** Node positions where the trees begin, and the number of nodes at the end: one more entry than trees. */
  readonly roots: Uint32Array;
  /** The feature that a node tests; -1 in a leaf. */
  readonly feature: Int32Array;
  /** What it compares with; 0 in a leaf. May be +Infinity: every value that is not missing goes left. */
  readonly threshold: Float32Array;
  readonly missingLeft: Uint8Array;
  /** Position of the left child; 0 in a leaf. */
  readonly left: Uint32Array;
  readonly right: Uint32Array;
  /** The value of a leaf, learning rate included; 0 elsewhere. */
  readonly value: Float64Array;
  /** How much the split lowered the objective (times two); 0 in a leaf. */
  readonly gain: Float64Array;
  /** Training rows in the bag that reached the node. */
  readonly count: Uint32Array;
}

/** The arrays of a model in the order of the file. */
const ARRAYS = {
  roots: Uint32Array,
  feature: Int32Array,
  threshold: Float32Array,
  missingLeft: Uint8Array,
  left: Uint32Array,
  right: Uint32Array,
  value: Float64Array,
  gain: Float64Array,
  count: Uint32Array,
} as const;

type ArrayName = keyof typeof ARRAYS;

/** The first eight bytes of a serialised model: a name and the version of the form. */
const MAGIC = 'MRTREES1';

/** The number of trees. */
export function treeCount(model: TreeModel): number {
  return model.roots.length - 1;
}

/** Puts grown trees together; `features` are the positions that their nodes speak of. */
export function assembleModel(
  trees: readonly GrownTree[],
  features: readonly FeatureBins[],
  facts: Pick<TreeModel, 'objective' | 'featureCount' | 'featureNames' | 'baseScore' | 'seed' | 'params'>,
): TreeModel {
  const nodes = trees.reduce((sum, tree) => sum + tree.nodes, 0);
  const model = {
    ...facts,
    roots: new Uint32Array(trees.length + 1),
    feature: new Int32Array(nodes).fill(-1),
    threshold: new Float32Array(nodes),
    missingLeft: new Uint8Array(nodes),
    left: new Uint32Array(nodes),
    right: new Uint32Array(nodes),
    value: new Float64Array(nodes),
    gain: new Float64Array(nodes),
    count: new Uint32Array(nodes),
  };
  let at = 0;
  for (const [t, tree] of trees.entries()) {
    for (let n = 0; n < tree.nodes; n++) {
      model.count[at + n] = tree.count[n]!;
      const bins = features[tree.position[n]!];
      if (bins === undefined) {
        model.value[at + n] = tree.value[n]!;
        continue;
      }
      model.feature[at + n] = bins.feature;
      model.threshold[at + n] = bins.bounds[tree.bin[n]!] ?? Number.POSITIVE_INFINITY;
      model.missingLeft[at + n] = tree.missingLeft[n]!;
      model.left[at + n] = at + tree.left[n]!;
      model.right[at + n] = at + tree.right[n]!;
      model.gain[at + n] = tree.gain[n]!;
    }
    at += tree.nodes;
    model.roots[t + 1] = at;
  }
  return model;
}

/**
 * The model as bytes: eight of {@link MAGIC}, the length of a JSON header (uint32, little-endian), the header with
 * sorted keys and padding, then the arrays, each padded to a multiple of eight bytes. Equal models give equal bytes.
 */
export function serialize(model: TreeModel): Uint8Array {
  const { objective, featureCount, featureNames, baseScore, seed, params } = model;
  const lengths = Object.fromEntries(arrayNames().map((name) => [name, model[name].length]));
  const json = canonicalJson({ objective, featureCount, featureNames, baseScore, seed, params, lengths });
  const header = new TextEncoder().encode(json);
  const start = padded(12 + header.length);
  const size = arrayNames().reduce((sum, name) => sum + padded(model[name].byteLength), start);
  const bytes = new Uint8Array(size);
  bytes.set(new TextEncoder().encode(MAGIC));
  new DataView(bytes.buffer).setUint32(8, header.length, true);
  bytes.set(header, 12);
  let at = start;
  for (const name of arrayNames()) {
    writeArray(bytes, at, model[name]);
    at += padded(model[name].byteLength);
  }
  return bytes;
}

/** Reads what {@link serialize} wrote; throws DATA_LOSS `TREE_MODEL_INVALID` for anything else. */
export function deserialize(bytes: Uint8Array): TreeModel {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || new TextDecoder().decode(bytes.subarray(0, 8)) !== MAGIC)
    throw invalid(`it does not begin with ${MAGIC}`);
  const headerEnd = 12 + view.getUint32(8, true);
  if (headerEnd > bytes.length) throw invalid('its header is cut off');
  const { lengths, ...facts } = parseHeader(bytes.subarray(12, headerEnd));
  const arrays: Record<string, unknown> = {};
  let at = padded(headerEnd);
  for (const name of arrayNames()) {
    const length = lengths[name];
    const size = (length ?? Number.NaN) * ARRAYS[name].BYTES_PER_ELEMENT;
    if (!(Number.isInteger(size) && size >= 0 && at + size <= bytes.length)) throw invalid(`array ${name} is cut off`);
    arrays[name] = new ARRAYS[name](alignedCopy(bytes, at, size));
    at += padded(size);
  }
  if (at !== bytes.length) throw invalid(`${bytes.length - at} bytes follow its end`);
  const model = { ...facts, ...arrays } as unknown as TreeModel;
  checkStructure(model);
  return model;
}

/** SHA-256 of the serialised model: equal for equal models, on any machine and for any number of threads. */
export function digest(model: TreeModel): Digest {
  return sha256(serialize(model));
}

function arrayNames(): ArrayName[] {
  return Object.keys(ARRAYS) as ArrayName[];
}

function padded(size: number): number {
  return Math.ceil(size / 8) * 8;
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function writeArray(bytes: Uint8Array, at: number, array: TreeModel[ArrayName]): void {
  const raw = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  bytes.set(LITTLE_ENDIAN ? raw : swapped(raw, array.BYTES_PER_ELEMENT), at);
}

function alignedCopy(bytes: Uint8Array, at: number, size: number): ArrayBuffer {
  const copy = bytes.slice(at, at + size);
  return copy.buffer as ArrayBuffer;
}

function swapped(raw: Uint8Array, width: number): Uint8Array {
  const copy = raw.slice();
  for (let at = 0; at < copy.length; at += width) copy.subarray(at, at + width).reverse();
  return copy;
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> & { lengths: Partial<Record<ArrayName, number>> } {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid('its header is not JSON', cause);
  }
}

/** Every child lies behind its parent and inside its tree, so that walking a tree ends. */
function checkStructure(model: TreeModel): void {
  const { roots, feature, left, right } = model;
  for (let t = 0; t + 1 < roots.length; t++) {
    const end = roots[t + 1]!;
    if (roots[0] !== 0 || end <= roots[t]! || end > feature.length) throw invalid(`tree ${t} has no place`);
    for (let n = roots[t]!; n < end; n++) {
      if (feature[n] === -1) continue;
      const known = feature[n]! >= 0 && feature[n]! < model.featureCount;
      if (!known || !(left[n]! > n && left[n]! < end && right[n]! > n && right[n]! < end))
        throw invalid(`node ${n} points outside its tree or to an unknown feature`);
    }
  }
}

function invalid(why: string, cause?: unknown): AppError {
  return new AppError('DATA_LOSS', `This is not a serialised tree model: ${why}. Fetch or train it again.`, {
    reason: 'TREE_MODEL_INVALID',
    cause,
  });
}
