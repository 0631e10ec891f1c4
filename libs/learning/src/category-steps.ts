import { AppError } from '@millrace/kernel';
import type { GraphBuilder } from '@millrace/onnx';
import { ML_DOMAIN } from '@millrace/onnx';
import type { CategoryColumn } from './frame.ts';
import type { Labels } from './matrix.ts';
import type { ImputeStep, OneHotStep, OrdinalStep } from './spec.ts';
import { invalidStep } from './step-error.ts';

/** Most features of one `one_hot` step. */
const ONE_HOT_LEVELS_MAX = 1024;

/** Most levels of one `ordinal` step when nothing is said. */
const ORDINAL_LEVELS_MAX = 65_536;

/** Fitted encoding of one category column as numbers. */
export type CategoryEncoder =
  | {
      readonly op: 'one_hot';
      /** The levels with a feature of their own, in the order of the features. */
      readonly levels: readonly string[];
      /** Whether rare and unseen levels have a feature, the last one. */
      readonly other: boolean;
      /** The level that a missing value counts as, if any. */
      readonly missingAs: string | undefined;
    }
  | {
      readonly op: 'ordinal';
      readonly levels: readonly string[];
      /** NaN when such a level counts as missing. */
      readonly unknown: number;
      readonly missingAs: string | undefined;
    };

/**
 * Fits an encoder on the training rows, together with an `impute` step that may stand before it. `labels` are those of
 * the rows; only the order `target` looks at them.
 */
export function fitEncoder(
  name: string,
  column: CategoryColumn,
  step: OneHotStep | OrdinalStep,
  impute: ImputeStep | undefined,
  labels?: Labels,
): CategoryEncoder {
  const counts = countLevels(column);
  const missingAs = impute && fillLevel(name, counts, impute);
  if (missingAs !== undefined)
    counts.set(missingAs, (counts.get(missingAs) ?? 0) + column.codes.length - total(counts));
  const byFrequency = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  if (step.op === 'one_hot') {
    const most = step.maxLevels ?? 32;
    if (!(Number.isInteger(most) && most >= 1 && most <= ONE_HOT_LEVELS_MAX)) {
      throw invalidStep(name, step.op, `has maxLevels ${most}; give 1 to ${ONE_HOT_LEVELS_MAX}.`);
    }
    const kept = byFrequency.filter(([, rows]) => rows >= (step.minRows ?? 1)).slice(0, most);
    return { op: 'one_hot', levels: kept.map(([level]) => level).sort(), other: step.rare === 'other', missingAs };
  }
  const found = byFrequency.slice(0, step.maxLevels ?? ORDINAL_LEVELS_MAX).map(([level]) => level);
  const levels = step.levels ?? orderLevels(name, column, step, found, labels);
  if (new Set(levels).size !== levels.length || levels.includes('')) {
    throw invalidStep(name, step.op, 'lists a level twice, or an empty text. List each level once.');
  }
  return { op: 'ordinal', levels, unknown: Math.fround(step.unknown ?? Number.NaN), missingAs };
}

/** Puts levels, the most frequent first, into the order of the step. */
function orderLevels(
  name: string,
  column: CategoryColumn,
  step: OrdinalStep,
  byFrequency: string[],
  labels: Labels | undefined,
): string[] {
  if (step.order === 'frequency') return byFrequency;
  if (step.order !== 'target') return byFrequency.sort();
  if (!labels) throw invalidStep(name, step.op, 'orders by target, for which labels are needed.');
  const means = meanLabels(column, labels);
  return byFrequency.sort((a, b) => means.get(a)! - means.get(b)! || (a < b ? -1 : 1));
}

/** The mean label of the rows of each level; 0 for a level that only stands for missing values. */
function meanLabels(column: CategoryColumn, labels: Labels): Map<string, number> {
  const sums = new Float64Array(column.levels.length);
  const counts = new Float64Array(column.levels.length);
  for (let i = 0; i < column.codes.length; i++) {
    const code = column.codes[i]!;
    if (code < 0) continue;
    sums[code]! += labels[i]!;
    counts[code]! += 1;
  }
  return new Map(column.levels.map((level, code) => [level, counts[code] ? sums[code]! / counts[code]! : 0]));
}

/** Rows of each level that occurs; an empty text is no level. */
function countLevels(column: CategoryColumn): Map<string, number> {
  const counts = new Float64Array(column.levels.length);
  for (let i = 0; i < column.codes.length; i++) {
    const code = column.codes[i]!;
    if (code >= 0) counts[code]! += 1;
  }
  const byLevel = new Map<string, number>();
  for (const [code, level] of column.levels.entries()) {
    if (level !== '' && counts[code]! > 0) byLevel.set(level, (byLevel.get(level) ?? 0) + counts[code]!);
  }
  return byLevel;
}

function total(counts: Map<string, number>): number {
  let sum = 0;
  for (const n of counts.values()) sum += n;
  return sum;
}

function fillLevel(name: string, counts: Map<string, number>, step: ImputeStep): string | undefined {
  if (step.indicator) throw invalidStep(name, 'impute', 'cannot add an indicator to a category column; leave it out.');
  if (step.strategy === 'constant') {
    if (typeof step.value === 'string' && step.value !== '') return step.value;
    throw invalidStep(name, 'impute', 'needs a text that is not empty as "value" for a category column.');
  }
  if (step.strategy !== 'mode') {
    throw invalidStep(name, 'impute', `has strategy ${step.strategy}; a category column takes "constant" or "mode".`);
  }
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))[0]?.[0];
}

/** Names of the features that an encoder gives for a column. */
export function encodedNames(column: string, encoder: CategoryEncoder): string[] {
  if (encoder.op === 'ordinal') return [column];
  const names = encoder.levels.map((level) => `${column}=${level}`);
  return encoder.other ? [...names, `${column}__other`] : names;
}

/** Encodes a column, whose levels need not be those of the training rows. */
export function applyEncoder(encoder: CategoryEncoder, column: CategoryColumn): Float32Array[] {
  const { positions, missing } = positionsOf(encoder, column.levels);
  const rows = column.codes.length;
  const position = (i: number) => (column.codes[i]! < 0 ? missing : positions[column.codes[i]!]!);
  if (encoder.op === 'ordinal') {
    const out = new Float32Array(rows);
    for (let i = 0; i < rows; i++) out[i] = position(i);
    return [out];
  }
  const features = Array.from({ length: encoder.levels.length + Number(encoder.other) }, () => new Float32Array(rows));
  for (let i = 0; i < rows; i++) {
    const at = position(i);
    if (at >= 0) features[at]![i] = 1;
  }
  return features;
}

/** For each level of a column, the feature (`one_hot`, -1 for none) or the number (`ordinal`) it becomes. */
function positionsOf(encoder: CategoryEncoder, levels: readonly string[]) {
  const known = new Map(encoder.levels.map((level, i) => [level, i]));
  const unseen = unseenPosition(encoder);
  const missing = missingPosition(encoder);
  const positions = Float64Array.from(levels, (level) => (level === '' ? missing : (known.get(level) ?? unseen)));
  return { positions, missing };
}

function unseenPosition(encoder: CategoryEncoder): number {
  if (encoder.op === 'ordinal') return encoder.unknown;
  return encoder.other ? encoder.levels.length : -1;
}

function missingPosition(encoder: CategoryEncoder): number {
  if (encoder.missingAs === undefined) return encoder.op === 'ordinal' ? Number.NaN : -1;
  const at = encoder.levels.indexOf(encoder.missingAs);
  return at >= 0 ? at : unseenPosition(encoder);
}

/** Adds the encoder to a graph, on a value [N,1] of text; gives a value [N,K] float32. */
export function emitEncoder(encoder: CategoryEncoder, graph: GraphBuilder, value: string): string {
  const keys = [...encoder.levels, ''];
  const positions = [...encoder.levels.keys(), missingPosition(encoder)];
  if (encoder.op === 'ordinal') {
    return graph.node({
      op: 'LabelEncoder',
      domain: ML_DOMAIN,
      inputs: [value],
      attributes: {
        keys_strings: { strings: keys },
        values_floats: { floats: positions },
        default_float: { float: encoder.unknown },
      },
    })[0]!;
  }
  const [code] = graph.node({
    op: 'LabelEncoder',
    domain: ML_DOMAIN,
    inputs: [value],
    attributes: {
      keys_strings: { strings: keys },
      values_int64s: { ints: positions },
      default_int64: { int: unseenPosition(encoder) },
    },
  });
  const width = encoder.levels.length + Number(encoder.other);
  if (width === 0) throw new AppError('FAILED_PRECONDITION', 'A one-hot step has no level.', { reason: 'NO_FEATURES' });
  const range = graph.constant({ type: 'int64', shape: [1, width], values: [...Array(width).keys()] });
  const [equal] = graph.node({ op: 'Equal', inputs: [code!, range] });
  return graph.node({ op: 'Cast', inputs: [equal!], attributes: { to: { int: 1 } } })[0]!;
}
