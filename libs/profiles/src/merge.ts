import { invalidArgument } from '@millrace/kernel';
import { mergeHyperLogLog } from './hyperloglog.ts';
import {
  type CategoricalProfile,
  type ColumnProfile,
  type NumericProfile,
  profileFormatVersion,
  type TableProfile,
  type TextLengths,
  type TimestampProfile,
} from './model.ts';
import { mergeMoments } from './moments.ts';
import { mergeLinearSketches, mergeLogSketches } from './quantile-sketch.ts';
import { mergeTopValues } from './top-values.ts';

/**
 * The profile of both tables' rows together. Columns are matched by name and must have the same names and types
 * (`integer` and `number` give `number`). Commutative, with `emptyProfile` as identity; everything integer (counts,
 * sketches, registers, exact top values) equals the profile of the whole; mean and `m2` do up to rounding.
 * Throws INVALID_ARGUMENT (`PROFILE_MISMATCH`, `ACCURACY_MISMATCH`) otherwise.
 */
export function mergeProfiles(a: TableProfile, b: TableProfile): TableProfile {
  const right = new Map(b.columns.map((column) => [column.name, column]));
  const missing = [
    ...a.columns.filter((column) => !right.delete(column.name)).map((column) => column.name),
    ...right.keys(),
  ];
  if (missing.length > 0) {
    throw invalidArgument(
      'PROFILE_MISMATCH',
      missing.map((name) => ({ field: name, description: 'is in one of the two profiles only' })),
    );
  }
  const others = new Map(b.columns.map((column) => [column.name, column]));
  const columns = a.columns.map((column) => mergeColumns(column, others.get(column.name)!));
  return { version: profileFormatVersion, rows: a.rows + b.rows, columns };
}

/** Merges two profiles of one column; see {@link mergeProfiles}. */
export function mergeColumns(a: ColumnProfile, b: ColumnProfile): ColumnProfile {
  if (a.kind === 'numeric' && b.kind === 'numeric') return mergeNumeric(a, b);
  if (a.kind === 'timestamp' && b.kind === 'timestamp') return mergeTimestamp(a, b);
  if (a.kind === 'categorical' && b.kind === 'categorical' && a.type === b.type) return mergeCategorical(a, b);
  throw invalidArgument('PROFILE_MISMATCH', [
    { field: a.name, description: `is ${a.type} in one profile and ${b.type} in the other` },
  ]);
}

function mergeNumeric(a: NumericProfile, b: NumericProfile): NumericProfile {
  return {
    ...a,
    type: a.type === b.type ? a.type : 'number',
    count: a.count + b.count,
    nulls: a.nulls + b.nulls,
    nans: a.nans + b.nans,
    positiveInfinities: a.positiveInfinities + b.positiveInfinities,
    negativeInfinities: a.negativeInfinities + b.negativeInfinities,
    min: lesser(a.min, b.min),
    max: greater(a.max, b.max),
    zeros: a.zeros + b.zeros,
    negatives: a.negatives + b.negatives,
    moments: mergeMoments(a.moments, b.moments),
    distinct: mergeHyperLogLog(a.distinct, b.distinct),
    quantiles: mergeLogSketches(a.quantiles, b.quantiles),
  };
}

function mergeTimestamp(a: TimestampProfile, b: TimestampProfile): TimestampProfile {
  return {
    ...a,
    count: a.count + b.count,
    nulls: a.nulls + b.nulls,
    min: lesser(a.min, b.min),
    max: greater(a.max, b.max),
    moments: mergeMoments(a.moments, b.moments),
    distinct: mergeHyperLogLog(a.distinct, b.distinct),
    quantiles: mergeLinearSketches(a.quantiles, b.quantiles),
  };
}

function mergeCategorical(a: CategoricalProfile, b: CategoricalProfile): CategoricalProfile {
  return {
    ...a,
    count: a.count + b.count,
    nulls: a.nulls + b.nulls,
    lengths: mergeLengths(a.lengths, b.lengths),
    distinct: mergeHyperLogLog(a.distinct, b.distinct),
    top: mergeTopValues(a.top, b.top),
  };
}

function mergeLengths(a: TextLengths | null, b: TextLengths | null): TextLengths | null {
  if (a === null) return b;
  if (b === null) return a;
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max), total: a.total + b.total };
}

function lesser(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

function greater(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
