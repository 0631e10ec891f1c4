import { AppError, invalidArgument } from '@millrace/kernel';
import { quoteIdentifier } from './sql.ts';

/**
 * The types of dataset columns: a closed set that Parquet, Iceberg and every engine know. `timestamp` has microseconds
 * and no zone (by convention UTC); `timestamptz` is a moment; `decimal(p,s)` has 1 ≤ p ≤ 38 digits, 0 ≤ s ≤ p behind the point.
 */
export type ColumnType =
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'float32'
  | 'float64'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'string'
  | 'binary'
  | `decimal(${number},${number})`;

/** One column. */
export interface Field {
  /** Stable for the life of the dataset: a column keeps it when it is renamed or widened; never used again when dropped. From 1. */
  readonly id: number;
  /** Unique within the schema, ignoring case. */
  readonly name: string;
  readonly type: ColumnType;
  /** Whether null may stand in it. */
  readonly nullable: boolean;
  readonly doc?: string;
}

/** A column before it has an id. */
export type FieldSpec = Omit<Field, 'id' | 'nullable'> & { readonly nullable?: boolean };

/** The columns of a dataset version, in order. */
export interface TableSchema {
  readonly fields: readonly Field[];
  /** The highest id ever given out in this dataset, also to columns dropped since. */
  readonly lastFieldId: number;
}

const SQL_TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int8: 'TINYINT',
  int16: 'SMALLINT',
  int32: 'INTEGER',
  int64: 'BIGINT',
  uint8: 'UTINYINT',
  uint16: 'USMALLINT',
  uint32: 'UINTEGER',
  uint64: 'UBIGINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  string: 'VARCHAR',
  binary: 'BLOB',
};

const COLUMN_TYPES: Readonly<Record<string, ColumnType>> = {
  ...(Object.fromEntries(Object.entries(SQL_TYPES).map(([type, sql]) => [sql, type])) as Record<string, ColumnType>),
  TIMESTAMP_S: 'timestamp',
  TIMESTAMP_MS: 'timestamp',
  TIMESTAMP_NS: 'timestamp',
  JSON: 'string',
  UUID: 'string',
};

/** Whether `text` names a {@link ColumnType}. */
export function isColumnType(text: string): text is ColumnType {
  if (Object.hasOwn(SQL_TYPES, text)) return true;
  const match = /^decimal\((\d{1,2}),(\d{1,2})\)$/.exec(text);
  return match !== null && Number(match[1]) >= 1 && Number(match[1]) <= 38 && Number(match[2]) <= Number(match[1]);
}

/** The DuckDB name of a column type, for example `BIGINT`. Throws INVALID_ARGUMENT `COLUMN_TYPE_UNKNOWN`. */
export function sqlType(type: ColumnType): string {
  if (isColumnType(type)) return SQL_TYPES[type] ?? type.toUpperCase();
  throw invalidArgument('COLUMN_TYPE_UNKNOWN', [
    {
      field: 'type',
      reason: 'COLUMN_TYPE_UNKNOWN',
      description: `${JSON.stringify(type)} is no column type. Use one of ${Object.keys(SQL_TYPES).join(', ')} or decimal(precision,scale).`,
    },
  ]);
}

/**
 * The column type for a DuckDB type name. Types outside of the set that have a lossless or customary place in it get it:
 * enums, UUID and JSON become `string`, second to nanosecond timestamps `timestamp`. Gives `undefined` for others
 * (HUGEINT, INTERVAL, TIME, lists, structs): cast them in the SQL.
 */
export function columnTypeOf(duckdbType: string): ColumnType | undefined {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(duckdbType);
  if (decimal) return `decimal(${Number(decimal[1])},${Number(decimal[2])})`;
  if (duckdbType.startsWith('ENUM(')) return 'string';
  return Object.hasOwn(COLUMN_TYPES, duckdbType) ? COLUMN_TYPES[duckdbType] : undefined;
}

/** Gives columns the ids 1, 2, 3 …: the schema of a dataset's first version. */
export function schemaOf(columns: readonly FieldSpec[]): TableSchema {
  const fields = columns.map((column, i) => ({ ...column, id: i + 1, nullable: column.nullable ?? true }));
  return checkSchema({ fields, lastFieldId: fields.length });
}

/**
 * Gives the schema back, or throws INVALID_ARGUMENT `SCHEMA_INVALID` with all violations: no columns, names that are
 * empty or equal (ignoring case), unknown types, ids that repeat or exceed `lastFieldId`.
 */
export function checkSchema(schema: TableSchema): TableSchema {
  const violations: { field: string; description: string; reason: string }[] = [];
  const blame = (field: string, description: string) =>
    violations.push({ field, description, reason: 'SCHEMA_INVALID' });
  const names = new Set<string>();
  const ids = new Set<number>();
  if (schema.fields.length === 0) blame('schema.fields', 'No columns. A dataset has at least one column.');
  for (const [i, { id, name, type }] of schema.fields.entries()) {
    const at = `schema.fields[${i}]`;
    try {
      quoteIdentifier(name);
    } catch {
      blame(`${at}.name`, `${JSON.stringify(name.slice(0, 80))} is not a column name. Use 1 to 256 characters.`);
    }
    if (names.has(name.toLowerCase()))
      blame(`${at}.name`, `The name "${name}" stands twice, ignoring case. Rename one of the two.`);
    if (!isColumnType(type)) blame(`${at}.type`, `"${type}" is no column type.`);
    if (!Number.isInteger(id) || id < 1 || id > schema.lastFieldId || ids.has(id))
      blame(`${at}.id`, `${id} is not a fresh field id from 1 to ${schema.lastFieldId}.`);
    names.add(name.toLowerCase());
    ids.add(id);
  }
  if (violations.length > 0) throw invalidArgument('SCHEMA_INVALID', violations);
  return schema;
}

/** The field of this name, ignoring case as SQL does. */
export function fieldNamed(schema: TableSchema, name: string): Field | undefined {
  return schema.fields.find((field) => field.name.toLowerCase() === name.toLowerCase());
}

/** The field of this name; throws NOT_FOUND `COLUMN_NOT_FOUND` listing what there is. */
export function requireField(schema: TableSchema, name: string): Field {
  const field = fieldNamed(schema, name);
  if (field) return field;
  const known = schema.fields.map((f) => f.name).join(', ');
  throw new AppError('NOT_FOUND', `There is no column "${name}". The columns are: ${known}.`, {
    reason: 'COLUMN_NOT_FOUND',
    fields: { column: name },
  });
}
