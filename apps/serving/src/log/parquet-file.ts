import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import type { ThriftField } from './thrift-writer.ts';
import { bool, encodeStruct, i32, i32s, i64, struct, structs, text, texts } from './thrift-writer.ts';

/** The types of the prediction log's columns. */
export type LogColumnType = 'BOOLEAN' | 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'STRING' | 'TIMESTAMP';

/** A column of a file. */
export interface LogColumn {
  readonly name: string;
  readonly type: LogColumnType;
  /** As many as there are rows; timestamps in microseconds. NaN and empty texts of a nullable column are written as null. */
  readonly values: ArrayLike<number> | ArrayLike<bigint> | readonly string[];
  readonly isNullable: boolean;
}

const PHYSICAL: Readonly<Record<LogColumnType, number>> = {
  BOOLEAN: 0,
  INT32: 1,
  INT64: 2,
  TIMESTAMP: 2,
  FLOAT: 4,
  DOUBLE: 5,
  STRING: 6,
};

const ZSTD = 6;
const PLAIN = 0;
const RLE = 3;
const MAGIC = Buffer.from('PAR1');

const compress = promisify(zstdCompress);

/**
 * Writes columns as a Parquet file of one row group (https://parquet.apache.org/docs/file-format/): plain encoding,
 * one zstd-compressed page a column. Small on purpose: it works on the log's arrays where they lie, compresses outside
 * the event loop, and needs neither an engine nor a temporary file.
 */
export async function parquetFile(columns: readonly LogColumn[], rows: number): Promise<Buffer> {
  const parts: Buffer[] = [MAGIC];
  let at = MAGIC.length;
  const chunks: ThriftField[][] = [];
  let totalBytes = 0;
  for (const column of columns) {
    const page = pageOf(column, rows);
    const packed = await compress(page);
    const header = encodeStruct([
      i32(1, 0),
      i32(2, page.length),
      i32(3, packed.length),
      struct(5, [i32(1, rows), i32(2, PLAIN), i32(3, RLE), i32(4, RLE)]),
    ]);
    const unpackedBytes = header.length + page.length;
    chunks.push(chunkOf(column, rows, unpackedBytes, header.length + packed.length, at));
    parts.push(header, packed);
    at += header.length + packed.length;
    totalBytes += unpackedBytes;
  }
  const footer = encodeStruct([
    i32(1, 2),
    structs(2, [[text(4, 'prediction_log'), i32(5, columns.length)], ...columns.map(schemaOf)]),
    i64(3, rows),
    structs(4, [[structs(1, chunks), i64(2, totalBytes), i64(3, rows)]]),
    text(6, 'millrace serving'),
  ]);
  const footerLength = Buffer.alloc(4);
  footerLength.writeUInt32LE(footer.length);
  return Buffer.concat([...parts, footer, footerLength, MAGIC]);
}

function schemaOf({ name, type, isNullable }: LogColumn): ThriftField[] {
  const logical =
    type === 'STRING'
      ? [i32(6, 0), struct(10, [struct(1, [])])]
      : type === 'TIMESTAMP'
        ? [struct(10, [struct(8, [bool(1, false), struct(2, [struct(2, [])])])])] // microseconds, without zone
        : [];
  return [i32(1, PHYSICAL[type]), i32(3, isNullable ? 1 : 0), text(4, name), ...logical];
}

function chunkOf({ name, type }: LogColumn, rows: number, unpacked: number, packed: number, at: number): ThriftField[] {
  return [
    i64(2, at),
    struct(3, [
      i32(1, PHYSICAL[type]),
      i32s(2, [PLAIN, RLE]),
      texts(3, [name]),
      i32(4, ZSTD),
      i64(5, rows),
      i64(6, unpacked),
      i64(7, packed),
      i64(9, at),
    ]),
  ];
}

function pageOf({ type, values, isNullable }: LogColumn, rows: number): Buffer {
  if (!isNullable) return valuesOf(type, values, rows, undefined);
  const isThere = new Uint8Array((rows + 7) >> 3);
  for (let i = 0; i < rows; i++) {
    const value = values[i];
    if (value !== '' && !Number.isNaN(value)) isThere[i >> 3]! |= 1 << (i & 7);
  }
  // One bit-packed run of definition levels: its head is the number of groups of eight, times two, plus one.
  const head: number[] = [];
  for (let rest = isThere.length * 2 + 1; ; rest = rest >>> 7) {
    head.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  const levels = Buffer.alloc(4 + head.length + isThere.length);
  levels.writeUInt32LE(head.length + isThere.length);
  levels.set(head, 4);
  levels.set(isThere, 4 + head.length);
  return Buffer.concat([levels, valuesOf(type, values, rows, isThere)]);
}

/** The values that are there, in plain encoding. */
function valuesOf(type: LogColumnType, values: LogColumn['values'], rows: number, isThere?: Uint8Array): Buffer {
  const positions: number[] = [];
  for (let i = 0; i < rows; i++) if (!isThere || (isThere[i >> 3]! >> (i & 7)) & 1) positions.push(i);
  if (type === 'STRING') return textsOf(values as readonly string[], positions);
  if (type === 'BOOLEAN') {
    const bits = Buffer.alloc((positions.length + 7) >> 3);
    positions.forEach((i, k) => {
      if (values[i]) bits[k >> 3]! |= 1 << (k & 7);
    });
    return bits;
  }
  const width = type === 'FLOAT' || type === 'INT32' ? 4 : 8;
  const bytes = Buffer.alloc(positions.length * width);
  positions.forEach((i, k) => {
    const value = values[i] as never;
    if (type === 'FLOAT') bytes.writeFloatLE(value, k * width);
    else if (type === 'DOUBLE') bytes.writeDoubleLE(value, k * width);
    else if (type === 'INT32') bytes.writeInt32LE(value, k * width);
    else bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)), k * width);
  });
  return bytes;
}

/** Texts, each with its length in four bytes before it. */
function textsOf(values: readonly string[], positions: readonly number[]): Buffer {
  let size = 0;
  for (const i of positions) size += 4 + Buffer.byteLength(values[i]!);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const i of positions) {
    const length = bytes.write(values[i]!, at + 4, 'utf8');
    at = bytes.writeUInt32LE(length, at) + length;
  }
  return bytes;
}
