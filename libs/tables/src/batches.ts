import {
  type DuckDBDataChunk,
  type DuckDBResult,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api';
import { AppError } from '@millrace/kernel';
import { type ColumnType, columnTypeOf } from './schema.ts';

/** Values of a column. Where the value is null, the element is 0 or ''. */
export type ColumnValues =
  | Float64Array
  | Float32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | string[]
  | Uint8Array[];

/** A column of a result. */
export interface ResultColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * The values of one column in a batch, by type: boolean → Uint8Array of 0 and 1; intN, uintN, float32, float64 → the typed
 * array of that width (64-bit integers: BigInt64Array); date → Int32Array of days since 1970-01-01; timestamp and
 * timestamptz → BigInt64Array of microseconds since 1970-01-01T00:00:00Z; string and decimal → string[] (decimals as exact text);
 * binary → Uint8Array[].
 */
export interface ColumnData {
  readonly values: ColumnValues;
  /** One bit per row, least significant first as in Arrow, 1 where the value is not null; `null` when no value is null. */
  readonly validity: Uint8Array | null;
}

/** Some consecutive rows of a result, by column; at most 2048. The arrays are the receiver's own. */
export interface ColumnBatch {
  readonly rows: number;
  readonly columns: readonly ColumnData[];
}

/** Whether the value of a row is null. */
export function isNullAt(column: ColumnData, row: number): boolean {
  return column.validity !== null && ((column.validity[row >> 3]! >> (row & 7)) & 1) === 0;
}

/**
 * The columns of a DuckDB result. Types outside of {@link ColumnType} arrive so: HUGEINT (what `sum` of integers gives) as
 * int64, failing with OUT_OF_RANGE `SQL_OUT_OF_RANGE` for what does not fit; TIME, INTERVAL, UUID, ENUM, lists and structs as
 * text; a bare NULL as string.
 */
export function resultColumns(result: DuckDBResult): ResultColumn[] {
  return result.deduplicatedColumnNames().map((name, i) => ({ name, type: resultType(result.columnType(i)) }));
}

function resultType(type: DuckDBType): ColumnType {
  if (type.typeId === DuckDBTypeId.HUGEINT) return 'int64';
  if (type.typeId === DuckDBTypeId.UHUGEINT) return 'uint64';
  return columnTypeOf(String(type)) ?? 'string';
}

interface RawVector {
  readonly items?: ArrayLike<unknown> & { slice(): ColumnValues };
  readonly validity?: { readonly data: BigUint64Array | null; readonly offset: number };
  readonly itemCount: number;
  readonly dataView?: DataView;
  getItem(index: number): DuckDBValue;
}

const DIRECT = new Set<DuckDBTypeId>([
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.FLOAT,
  DuckDBTypeId.DOUBLE,
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_TZ,
  DuckDBTypeId.DATE,
]);

/** Copies a chunk of a result out of the engine's memory. */
export function batchOf(result: DuckDBResult, chunk: DuckDBDataChunk): ColumnBatch {
  const rows = chunk.rowCount;
  const columns = Array.from({ length: chunk.columnCount }, (_, i) => {
    const vector = chunk.getColumnVector(i) as unknown as RawVector;
    const typeId = result.columnTypeId(i);
    if (typeId === DuckDBTypeId.VARCHAR && vector.dataView) return strings(vector, vector.dataView, rows);
    if (DIRECT.has(typeId) && vector.items) return direct(vector, rows);
    return converted(vector, typeId, rows);
  });
  return { rows, columns };
}

function direct(vector: RawVector, rows: number): ColumnData {
  const values = vector.items!.slice();
  const validity = validityOf(vector, rows);
  if (validity) zeroNulls(values as Exclude<ColumnValues, string[] | Uint8Array[]>, validity);
  return { values, validity };
}

/** What the engine leaves at the place of a null is arbitrary; the same data shall give the same arrays. */
function zeroNulls(values: Exclude<ColumnValues, string[] | Uint8Array[]>, validity: Uint8Array): void {
  const isBig = values instanceof BigInt64Array || values instanceof BigUint64Array;
  const zero = (isBig ? 0n : 0) as number;
  for (let i = 0; i < values.length; i++) if (((validity[i >> 3]! >> (i & 7)) & 1) === 0) values[i] = zero;
}

function validityOf(vector: RawVector, rows: number): Uint8Array | null {
  const data = vector.validity?.data;
  if (!data || vector.validity?.offset !== 0) return data ? validityByItem(vector, rows) : null;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, (rows + 7) >> 3).slice();
  if (rows & 7) bytes[bytes.length - 1]! &= (1 << (rows & 7)) - 1;
  return isAllSet(bytes, rows) ? null : bytes;
}

function isAllSet(bytes: Uint8Array, rows: number): boolean {
  for (let i = 0; i < rows >> 3; i++) if (bytes[i] !== 255) return false;
  return (rows & 7) === 0 || bytes[rows >> 3] === (1 << (rows & 7)) - 1;
}

function validityByItem(vector: RawVector, rows: number): Uint8Array | null {
  const bytes = new Uint8Array((rows + 7) >> 3);
  for (let i = 0; i < rows; i++) if (vector.getItem(i) !== null) bytes[i >> 3]! |= 1 << (i & 7);
  return isAllSet(bytes, rows) ? null : bytes;
}

function converted(vector: RawVector, typeId: DuckDBTypeId, rows: number): ColumnData {
  const values = emptyValues(typeId, rows);
  const validity = new Uint8Array((rows + 7) >> 3);
  const convert = converterOf(typeId);
  for (let i = 0; i < rows; i++) {
    const value = vector.getItem(i);
    if (value === null) continue;
    validity[i >> 3]! |= 1 << (i & 7);
    (values as unknown[])[i] = convert(value);
  }
  return { values, validity: isAllSet(validity, rows) ? null : validity };
}

/**
 * Reads DuckDB's 16-byte string entries: texts of up to 12 bytes stand in the entry itself after their length, which is four times
 * as fast as the client's general way; few distinct texts are decoded once.
 */
function strings(vector: RawVector, entries: DataView, rows: number): ColumnData {
  const values = new Array<string>(rows).fill('');
  const validity = validityOf(vector, rows);
  const bytes = Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength);
  const seen = new Map<number, string>();
  for (let i = 0; i < rows; i++) {
    if (validity && ((validity[i >> 3]! >> (i & 7)) & 1) === 0) continue;
    const at = i * 16;
    const length = entries.getUint32(at, true);
    if (length > 12) values[i] = vector.getItem(i) as string;
    else if (length <= 3) {
      const key = entries.getUint32(at + 4, true) * 4 + length;
      let text = seen.get(key);
      if (text === undefined) {
        text = bytes.toString('utf8', at + 4, at + 4 + length);
        seen.set(key, text);
      }
      values[i] = text;
    } else values[i] = bytes.toString('utf8', at + 4, at + 4 + length);
  }
  return { values, validity };
}

function emptyValues(typeId: DuckDBTypeId, rows: number): ColumnValues {
  switch (typeId) {
    case DuckDBTypeId.BOOLEAN:
      return new Uint8Array(rows);
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return new BigInt64Array(rows);
    case DuckDBTypeId.UHUGEINT:
      return new BigUint64Array(rows);
    case DuckDBTypeId.BLOB:
      return new Array<Uint8Array>(rows).fill(new Uint8Array());
    default:
      return new Array<string>(rows).fill('');
  }
}

function converterOf(typeId: DuckDBTypeId): (value: unknown) => unknown {
  switch (typeId) {
    case DuckDBTypeId.BOOLEAN:
      return (value) => (value ? 1 : 0);
    case DuckDBTypeId.HUGEINT:
      return (value) => checked64(value as bigint, BigInt.asIntN(64, value as bigint));
    case DuckDBTypeId.UHUGEINT:
      return (value) => checked64(value as bigint, BigInt.asUintN(64, value as bigint));
    case DuckDBTypeId.TIMESTAMP_S:
      return (value) => (value as { seconds: bigint }).seconds * 1_000_000n;
    case DuckDBTypeId.TIMESTAMP_MS:
      return (value) => (value as { millis: bigint }).millis * 1_000n;
    case DuckDBTypeId.TIMESTAMP_NS:
      return (value) => (value as { nanos: bigint }).nanos / 1_000n;
    case DuckDBTypeId.BLOB:
      return (value) => new Uint8Array((value as { bytes: Uint8Array }).bytes);
    case DuckDBTypeId.VARCHAR:
      return (value) => value;
    default:
      return String;
  }
}

function checked64(value: bigint, wrapped: bigint): bigint {
  if (value === wrapped) return value;
  throw new AppError(
    'OUT_OF_RANGE',
    `${value} does not fit 64 bits. Cast the column to DOUBLE, DECIMAL or VARCHAR in the SQL.`,
    {
      reason: 'SQL_OUT_OF_RANGE',
      fields: { value: `${value}` },
    },
  );
}
