import type { TensorContents } from './messages.ts';
import type { WireReader } from './wire-reader.ts';

/** Fields of `inference.InferTensorContents`. */
const MEMBERS = ['', 'bool', 'int', 'int64', 'uint', 'uint64', 'fp32', 'fp64'] as const;

/** Wire type of one unpacked value of each field. */
const WIRE_TYPES = [0, 0, 0, 0, 0, 0, 5, 1] as const;

/** Reads an `InferTensorContents` up to the reader's end into `into`: repeated messages merge, as protobuf wants. */
export function readContents(reader: WireReader, into: TensorContents): void {
  const loose: (number | bigint)[][] = [];
  while (reader.at < reader.end) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field < 1 || field > 8) reader.skip(tag);
    else if (field === 8) {
      expectWire(tag, 2);
      into.bytes ??= [];
      into.bytes.push(reader.bytes());
    } else if ((tag & 7) === 2) {
      flush(into, loose, field);
      readPacked(reader, into, field);
    } else {
      expectWire(tag, WIRE_TYPES[field]!);
      loose[field] ??= [];
      loose[field].push(readOne(reader, field));
    }
  }
  for (const field of loose.keys()) flush(into, loose, field);
}

/** Throws a RangeError for a known field in a form that it cannot have. */
export function expectWire(tag: number, wireType: number): void {
  if ((tag & 7) !== wireType) throw new RangeError(`field ${tag >>> 3} has wire type ${tag & 7}, not ${wireType}`);
}

function readPacked(reader: WireReader, into: TensorContents, field: number): void {
  if (field >= 6) {
    const width = field === 6 ? 4 : 8;
    const bytes = reader.bytes();
    if (bytes.byteLength % width !== 0) throw new RangeError(`packed values of field ${field} are cut`);
    const { buffer } = Uint8Array.prototype.slice.call(bytes); // copied, hence aligned; this platform is little-endian
    append(into, field, field === 6 ? new Float32Array(buffer) : new Float64Array(buffer));
    return;
  }
  const outer = reader.enter();
  const values: (number | bigint)[] = [];
  while (reader.at < reader.end) values.push(readOne(reader, field));
  reader.leave(outer);
  append(into, field, arrayOf(field, values));
}

function readOne(reader: WireReader, field: number): number | bigint {
  switch (field) {
    case 1:
      return reader.uint64() === 0n ? 0 : 1;
    case 2:
      return reader.int32();
    case 3:
    case 5:
      return reader.uint64();
    case 4:
      return reader.int32() >>> 0;
    case 6:
      return reader.fixed32Float();
    default:
      return reader.fixed64Float();
  }
}

type Values = Uint8Array | Int32Array | BigInt64Array | Uint32Array | BigUint64Array | Float32Array | Float64Array;

function arrayOf(field: number, values: readonly (number | bigint)[]): Values {
  switch (field) {
    case 1:
      return Uint8Array.from(values as number[]);
    case 2:
      return Int32Array.from(values as number[]);
    case 3:
      return BigInt64Array.from(values as bigint[]);
    case 4:
      return Uint32Array.from(values as number[]);
    case 5:
      return BigUint64Array.from(values as bigint[]);
    case 6:
      return Float32Array.from(values as number[]);
    default:
      return Float64Array.from(values as number[]);
  }
}

function flush(into: TensorContents, loose: (number | bigint)[][], field: number): void {
  const values = loose[field];
  if (values === undefined || values.length === 0) return;
  append(into, field, arrayOf(field, values));
  loose[field] = [];
}

function append(into: TensorContents, field: number, more: Values): void {
  const fields = into as Record<string, Values | undefined>;
  const member = MEMBERS[field]!;
  const known = fields[member];
  if (known === undefined || known.length === 0) {
    fields[member] = more;
    return;
  }
  const all = new (known.constructor as new (length: number) => Float64Array)(known.length + more.length);
  all.set(known as Float64Array, 0);
  all.set(more as Float64Array, known.length);
  fields[member] = all;
}
