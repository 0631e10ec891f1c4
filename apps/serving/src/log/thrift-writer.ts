/** A field of a struct: its id, its type and how its value is written. */
export interface ThriftField {
  readonly id: number;
  readonly type: number;
  readonly write: (out: number[]) => void;
}

const TYPE = { true: 1, false: 2, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

/** A 32-bit number or an enum. */
export const i32 = (id: number, value: number): ThriftField => ({
  id,
  type: TYPE.i32,
  write: (out) => zigzag(out, value),
});

/** A 64-bit number below 2^53. */
export const i64 = (id: number, value: number): ThriftField => ({
  id,
  type: TYPE.i64,
  write: (out) => zigzag(out, value),
});

/** A truth value: it lies in the field's type. */
export const bool = (id: number, value: boolean): ThriftField => ({
  id,
  type: value ? TYPE.true : TYPE.false,
  write: () => {},
});

/** A text. */
export const text = (id: number, value: string): ThriftField => ({
  id,
  type: TYPE.binary,
  write: (out) => binary(out, value),
});

/** A struct within a struct. */
export const struct = (id: number, fields: readonly ThriftField[]): ThriftField => ({
  id,
  type: TYPE.struct,
  write: (out) => writeFields(out, fields),
});

/** A list of structs. */
export const structs = (id: number, items: readonly (readonly ThriftField[])[]): ThriftField => ({
  id,
  type: TYPE.list,
  write: (out) => list(out, TYPE.struct, items, (item) => writeFields(out, item)),
});

/** A list of 32-bit numbers. */
export const i32s = (id: number, items: readonly number[]): ThriftField => ({
  id,
  type: TYPE.list,
  write: (out) => list(out, TYPE.i32, items, (item) => zigzag(out, item)),
});

/** A list of texts. */
export const texts = (id: number, items: readonly string[]): ThriftField => ({
  id,
  type: TYPE.list,
  write: (out) => list(out, TYPE.binary, items, (item) => binary(out, item)),
});

/**
 * A struct in Thrift's compact protocol
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), in which Parquet keeps its
 * metadata. Fields come in the order of their ids.
 */
export function encodeStruct(fields: readonly ThriftField[]): Buffer {
  const out: number[] = [];
  writeFields(out, fields);
  return Buffer.from(out);
}

function writeFields(out: number[], fields: readonly ThriftField[]): void {
  let last = 0;
  for (const { id, type, write } of fields) {
    out.push(((id - last) << 4) | type); // all steps here are below 16
    write(out);
    last = id;
  }
  out.push(0);
}

function list<T>(out: number[], type: number, items: readonly T[], write: (item: T) => void): void {
  if (items.length < 15) out.push((items.length << 4) | type);
  else {
    out.push(0xf0 | type);
    varint(out, items.length);
  }
  items.forEach(write);
}

function binary(out: number[], value: string): void {
  const bytes = Buffer.from(value);
  varint(out, bytes.length);
  out.push(...bytes);
}

function zigzag(out: number[], value: number): void {
  varint(out, value < 0 ? -value * 2 - 1 : value * 2);
}

function varint(out: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}
