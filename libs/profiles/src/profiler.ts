import { invalidArgument } from '@millrace/kernel';
import { type BuilderOptions, type ColumnBuilder, createColumnBuilder } from './builders.ts';
import { type ColumnSchema, type ProfileOptions, profileFormatVersion, type TableProfile } from './model.ts';
import { checkAccuracy } from './quantile-sketch.ts';
import { defaultTopValuesMax } from './top-values.ts';

/** Builds a profile in this process, value by value, with bounded memory. */
export interface Profiler {
  /**
   * Adds one row; missing properties are nulls, properties outside the schema are ignored. Throws INVALID_ARGUMENT
   * (`PROFILE_VALUE_TYPE`) for a value of another type; earlier columns of that row have then been counted, so discard
   * the profiler.
   */
  add(row: Readonly<Record<string, unknown>>): void;
  /** Adds values of one column; every column must have the same number of values by the time of `finish`. */
  addColumn(name: string, values: ArrayLike<unknown>): void;
  /** The profile so far; the profiler may go on. Throws when columns have different numbers of values. */
  finish(): TableProfile;
}

/** A profiler for this schema. Its profile equals that of `profileSql` over the same rows. */
export function createProfiler(schema: readonly ColumnSchema[], options: ProfileOptions = {}): Profiler {
  const filled = fillOptions(schema, options);
  const builders = new Map<string, ColumnBuilder>();
  for (const column of schema) builders.set(column.name, createColumnBuilder(column, filled));
  return {
    add(row) {
      for (const [name, builder] of builders) builder.add(row[name]);
    },
    addColumn(name, values) {
      const builder = builders.get(name);
      if (builder === undefined) {
        throw invalidArgument('UNKNOWN_COLUMN', [{ field: name, description: 'is not a column of the schema' }]);
      }
      for (let i = 0; i < values.length; i++) builder.add(values[i]);
    },
    finish() {
      const columns = [...builders.values()].map((builder) => builder.finish());
      const rows = columns[0]?.count ?? 0;
      const uneven = columns.filter((column) => column.count !== rows);
      if (uneven.length > 0) {
        throw invalidArgument(
          'UNEVEN_COLUMNS',
          uneven.map((c) => ({ field: c.name, description: `has ${c.count} values where ${rows} are expected` })),
        );
      }
      return { version: profileFormatVersion, rows, columns };
    },
  };
}

/** The profile of no rows: the identity of `mergeProfiles`. */
export function emptyProfile(schema: readonly ColumnSchema[], options: ProfileOptions = {}): TableProfile {
  return createProfiler(schema, options).finish();
}

/** Checks schema and options and fills in defaults; all violations are reported at once. */
export function fillOptions(schema: readonly ColumnSchema[], options: ProfileOptions): BuilderOptions {
  const relativeAccuracy = checkAccuracy(options.relativeAccuracy ?? 0.01);
  const topValuesMax = options.topValuesMax ?? defaultTopValuesMax;
  const violations = [];
  if (!Number.isInteger(topValuesMax) || topValuesMax < 1 || topValuesMax > 10_000) {
    violations.push({ field: 'topValuesMax', description: `must be an integer in 1 … 10000, is ${topValuesMax}` });
  }
  const seen = new Set<string>();
  for (const { name } of schema) {
    if (seen.has(name)) violations.push({ field: name, description: 'stands twice in the schema; remove one' });
    seen.add(name);
  }
  if (schema.length === 0) violations.push({ field: 'schema', description: 'needs at least one column' });
  if (violations.length > 0) throw invalidArgument('BAD_PROFILE_REQUEST', violations);
  return { relativeAccuracy, topValuesMax };
}
