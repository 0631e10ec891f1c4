import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from '@duckdb/node-api';

/** A value of a row object. */
export type RowValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | RowValue[]
  | { [key: string]: RowValue };

/** A row by column name. */
export type Row = Record<string, RowValue>;

/**
 * A DuckDB value as plain JavaScript: integers are numbers where exact (|x| ≤ 2^53 − 1), else bigint; DECIMAL becomes a number
 * (exact text: cast to VARCHAR); TIMESTAMP and TIMESTAMPTZ a Date, read as UTC and cut to milliseconds (microseconds: use
 * `columns`, or epoch_us); infinite timestamps and other types their text; DATE the text `2001-01-31`; BLOB bytes; lists become arrays, structs
 * and maps objects.
 */
export function rowValue(value: DuckDBValue): RowValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
    return value;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return value.isFinite ? dateOf(value.micros) : String(value);
  if (value instanceof DuckDBDateValue) return String(value);
  if (value instanceof DuckDBDecimalValue) return value.toDouble();
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes);
  if (value instanceof DuckDBListValue) return value.items.map(rowValue);
  if (value instanceof DuckDBStructValue)
    return Object.fromEntries(Object.entries(value.entries).map(([key, entry]) => [key, rowValue(entry)]));
  if (value instanceof DuckDBMapValue)
    return Object.fromEntries(value.entries.map(({ key, value: entry }) => [String(key), rowValue(entry)]));
  return String(value);
}

function dateOf(micros: bigint): Date {
  return new Date(Math.floor(Number(micros) / 1_000));
}
