import {
  Field as ArrowField,
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimestampMicrosecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow';
import type { ColumnBatch, ColumnData, ResultColumn } from './batches.ts';
import type { ColumnType } from './schema.ts';

/**
 * A result as an Arrow IPC stream (https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format), in pieces: the schema, one record batch per
 * batch, the end. timestamptz has the zone UTC; decimals are 128 bits wide.
 */
export async function* toArrowIpc(
  schema: readonly ResultColumn[],
  batches: AsyncIterable<ColumnBatch>,
): AsyncGenerator<Uint8Array> {
  const arrow = new Schema(schema.map(({ name, type }) => new ArrowField(name, arrowType(type), true)));
  const writer = new RecordBatchStreamWriter();
  const pieces = writer[Symbol.asyncIterator]();
  writer.write(new RecordBatch(arrow, emptyStruct(arrow)));
  let next = pieces.next();
  // Hands out what the writer has queued before the next batch is read, so that a slow receiver holds the query back.
  const drain = async function* () {
    for (;;) {
      const piece = await Promise.race([next, new Promise<undefined>((idle) => setImmediate(idle, undefined))]);
      if (!piece || piece.done) return;
      yield piece.value;
      next = pieces.next();
    }
  };
  for await (const batch of batches) {
    writer.write(new RecordBatch(arrow, structOf(arrow, schema, batch)));
    yield* drain();
  }
  writer.finish();
  for (let piece = await next; !piece.done; piece = await pieces.next()) yield piece.value;
}

function emptyStruct(schema: Schema): Data<Struct> {
  return makeData({
    type: new Struct(schema.fields),
    length: 0,
    nullCount: 0,
    children: schema.fields.map((f) => makeData({ type: f.type, length: 0 } as never)),
  });
}

function structOf(arrow: Schema, schema: readonly ResultColumn[], batch: ColumnBatch): Data<Struct> {
  const children = schema.map(({ type }, i) => columnOf(type, batch.columns[i]!, batch.rows));
  return makeData({ type: new Struct(arrow.fields), length: batch.rows, nullCount: 0, children });
}

function arrowType(type: ColumnType): DataType {
  const decimal = /^decimal\((\d+),(\d+)\)$/.exec(type);
  if (decimal) return new Decimal(Number(decimal[2]), Number(decimal[1]), 128);
  return TYPES[type]!();
}

const TYPES: Readonly<Record<string, () => DataType>> = {
  boolean: () => new Bool(),
  int8: () => new Int8(),
  int16: () => new Int16(),
  int32: () => new Int32(),
  int64: () => new Int64(),
  uint8: () => new Uint8(),
  uint16: () => new Uint16(),
  uint32: () => new Uint32(),
  uint64: () => new Uint64(),
  float32: () => new Float32(),
  float64: () => new Float64(),
  date: () => new DateDay(),
  timestamp: () => new TimestampMicrosecond(),
  timestamptz: () => new TimestampMicrosecond('UTC'),
  string: () => new Utf8(),
  binary: () => new Binary(),
};

function columnOf(type: ColumnType, column: ColumnData, rows: number): Data {
  const common = {
    type: arrowType(type),
    length: rows,
    nullBitmap: column.validity ?? undefined,
    nullCount: column.validity ? -1 : 0,
  };
  if (type === 'boolean') return makeData({ ...common, data: packBits(column.values as Uint8Array) } as never);
  if (type.startsWith('decimal'))
    return makeData({ ...common, data: decimals(type, column.values as string[]) } as never);
  if (type === 'string')
    return makeData({ ...common, ...joined((column.values as string[]).map((text) => Buffer.from(text))) } as never);
  if (type === 'binary') return makeData({ ...common, ...joined(column.values as Uint8Array[]) } as never);
  return makeData({ ...common, data: column.values } as never);
}

function packBits(values: Uint8Array): Uint8Array {
  const bits = new Uint8Array((values.length + 7) >> 3);
  for (let i = 0; i < values.length; i++) if (values[i]) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

function joined(values: readonly Uint8Array[]): { valueOffsets: Int32Array; data: Uint8Array } {
  const valueOffsets = new Int32Array(values.length + 1);
  for (const [i, value] of values.entries()) valueOffsets[i + 1] = valueOffsets[i]! + value.length;
  return { valueOffsets, data: Buffer.concat(values) };
}

/** Decimal texts as 128-bit two's complement integers of the scaled value, little endian. */
function decimals(type: ColumnType, values: readonly string[]): Uint32Array {
  const scale = Number(/,(\d+)\)/.exec(type)![1]);
  const words = new Uint32Array(values.length * 4);
  for (const [i, text] of values.entries()) {
    const [whole = '', fraction = ''] = text.split('.');
    const scaled = BigInt.asUintN(128, BigInt(`${whole}${fraction.padEnd(scale, '0')}` || '0'));
    for (let w = 0; w < 4; w++) words[i * 4 + w] = Number((scaled >> BigInt(32 * w)) & 0xffffffffn);
  }
  return words;
}
