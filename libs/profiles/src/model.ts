import type { HyperLogLog } from './hyperloglog.ts';
import type { LinearSketch, LogSketch } from './quantile-sketch.ts';
import type { TopValues } from './top-values.ts';

/** Logical type of a profiled column. `integer` and `number` are profiled alike, as IEEE doubles. */
export type ColumnType = 'integer' | 'number' | 'string' | 'boolean' | 'timestamp';

/** One column to profile. */
export interface ColumnSchema {
  readonly name: string;
  readonly type: ColumnType;
}

/** Fixed sizes of the sketches; profiles merge and compare only when their accuracies are equal. */
export interface ProfileOptions {
  /** Relative accuracy of numeric quantiles, between 0.001 and 0.2; 0.01 when absent. */
  readonly relativeAccuracy?: number;
  /** Distinct values that a categorical column counts exactly, and entries it keeps beyond; 1 … 10000, 1000 when absent. */
  readonly topValuesMax?: number;
}

/**
 * Count, mean and sum of squared deviations from the mean (Welford; merged by Chan, Golub and LeVeque 1979).
 * The population variance is `m2 / n`. Values with a magnitude above 1e150 are left out, so that squares stay finite.
 */
export interface Moments {
  readonly n: number;
  readonly mean: number;
  readonly m2: number;
}

/** Profile of an `integer` or `number` column. All statistics but the counts are over finite values. */
export interface NumericProfile {
  readonly kind: 'numeric';
  readonly name: string;
  readonly type: 'integer' | 'number';
  /** Rows seen, nulls included. */
  readonly count: number;
  readonly nulls: number;
  readonly nans: number;
  readonly positiveInfinities: number;
  readonly negativeInfinities: number;
  /** Null when there is no finite value. */
  readonly min: number | null;
  readonly max: number | null;
  readonly zeros: number;
  readonly negatives: number;
  readonly moments: Moments;
  readonly distinct: HyperLogLog;
  readonly quantiles: LogSketch;
}

/** Profile of a timestamp column; times are milliseconds since 1970-01-01 UTC, microseconds are dropped. */
export interface TimestampProfile {
  readonly kind: 'timestamp';
  readonly name: string;
  readonly type: 'timestamp';
  readonly count: number;
  readonly nulls: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly moments: Moments;
  readonly distinct: HyperLogLog;
  readonly quantiles: LinearSketch;
}

/** Lengths of the non-null texts in Unicode code points; `total / (count - nulls)` is the mean. */
export interface TextLengths {
  readonly min: number;
  readonly max: number;
  readonly total: number;
}

/** Profile of a `string` or `boolean` column; booleans are the texts `true` and `false`. */
export interface CategoricalProfile {
  readonly kind: 'categorical';
  readonly name: string;
  readonly type: 'string' | 'boolean';
  readonly count: number;
  readonly nulls: number;
  /** Null when there is no value. */
  readonly lengths: TextLengths | null;
  readonly distinct: HyperLogLog;
  readonly top: TopValues;
}

/** Statistics of one column, told apart by `kind`. Plain immutable data. */
export type ColumnProfile = NumericProfile | TimestampProfile | CategoricalProfile;

/** Version of the JSON form; readers refuse others. */
export const profileFormatVersion = 1;

/** Statistics of a table: plain, immutable, JSON-safe data. Columns stand in the schema's order. */
export interface TableProfile {
  readonly version: typeof profileFormatVersion;
  readonly rows: number;
  readonly columns: readonly ColumnProfile[];
}
