/**
 * The types of feature expressions. Every integer is an `int64`, every decimal and floating point number a `float64`;
 * `timestamp` is microseconds without a zone, read as UTC; `date` is a day.
 */
export type FeatureType = 'boolean' | 'int64' | 'float64' | 'string' | 'date' | 'timestamp';

/** All feature types, in the order in which documents list them. */
export const FEATURE_TYPES: readonly FeatureType[] = ['boolean', 'int64', 'float64', 'string', 'date', 'timestamp'];

/** A column that an expression may name. */
export interface ColumnSchema {
  readonly name: string;
  readonly type: FeatureType;
}

/**
 * A value in the row evaluator, by type: `boolean` is boolean, `int64` is bigint, `float64` is number, `string` is string,
 * `date` and `timestamp` are bigint microseconds since 1970-01-01 UTC (a date is its midnight). Null is null for every type.
 */
export type Value = null | boolean | number | bigint | string;

/** A row that an evaluator reads: values by column name; a missing column is null. */
export type Row = Readonly<Record<string, unknown>>;

/** The SQL name of each type in DuckDB and Spark. */
export const SQL_TYPES: Readonly<Record<FeatureType, string>> = {
  boolean: 'BOOLEAN',
  int64: 'BIGINT',
  float64: 'DOUBLE',
  string: 'VARCHAR',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
};

/**
 * The feature type of a DuckDB type name (`INTEGER`, `DECIMAL(10,2)`, `TIMESTAMP_NS` …), or undefined when expressions
 * cannot use such columns. `TIMESTAMP WITH TIME ZONE` is taken as UTC, which needs the session's `TimeZone` to be UTC.
 */
export function featureTypeOfSql(sqlType: string): FeatureType | undefined {
  const name = sqlType.toUpperCase().replace(/\(.*$/, '').trim();
  if (name === 'BOOLEAN') return 'boolean';
  if (/^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/.test(name)) return 'int64';
  if (/^(FLOAT|DOUBLE|DECIMAL|REAL|NUMERIC)$/.test(name)) return 'float64';
  if (/^(VARCHAR|TEXT|ENUM|UUID)$/.test(name)) return 'string';
  if (name === 'DATE') return 'date';
  if (name.startsWith('TIMESTAMP')) return 'timestamp';
  return undefined;
}
