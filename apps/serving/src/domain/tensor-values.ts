import type { TensorContents } from '../codec/messages.ts';
import { bytesOf } from '../codec/write-response.ts';
import type { DatatypeSpec, NumericValues, TensorValues } from './datatypes.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A wrong tensor: its sentence goes into a field violation. */
export class TensorError extends Error {
  override readonly name = 'TensorError';
}

/**
 * The elements in raw contents: little-endian, row-major, BYTES elements with their length in 4 bytes before them. A view
 * where the alignment allows one, else a copy. Throws TensorError unless there are exactly `length` elements.
 */
export function valuesFromRaw(spec: DatatypeSpec, raw: Uint8Array, length: number): TensorValues {
  if (spec.width === 0) return textsFromRaw(raw, length);
  if (raw.byteLength !== length * spec.width) {
    throw new TensorError(
      `has ${raw.byteLength} bytes; its shape needs ${length} × ${spec.width} = ${length * spec.width}.`,
    );
  }
  // Buffer.prototype.slice gives a view, Uint8Array's a copy, which is aligned.
  const aligned = raw.byteOffset % spec.width === 0 ? raw : Uint8Array.prototype.slice.call(raw);
  const array = spec.make(0).constructor as new (
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ) => NumericValues;
  const values = new array(aligned.buffer, aligned.byteOffset, length);
  return spec.name === 'BOOL' ? (values as Uint8Array).map((value) => (value === 0 ? 0 : 1)) : values;
}

/** The elements in typed contents. Throws TensorError for a wrong field, number of elements, or a value out of range. */
export function valuesFromContents(spec: DatatypeSpec, contents: TensorContents, length: number): TensorValues {
  for (const [member, values] of Object.entries(contents)) {
    if (member !== spec.member && (values as { length: number }).length > 0)
      throw new TensorError(`has values in ${member}_contents; ${spec.name} belongs into ${spec.member}_contents.`);
  }
  const given = contents[spec.member] ?? [];
  if (given.length !== length) throw new TensorError(`has ${given.length} values; its shape needs ${length}.`);
  if (spec.name === 'BYTES') return (given as Uint8Array[]).map(textOf);
  if (given.length === 0) return spec.make(0);
  const made = spec.make(0);
  if (made.constructor === given.constructor) return given as NumericValues;
  const narrow = spec.make(length) as Int8Array;
  narrow.set(given as Int32Array);
  for (let i = 0; i < length; i++) {
    if (narrow[i] !== given[i]) throw new TensorError(`has the value ${given[i]} at ${i}, which is no ${spec.name}.`);
  }
  return narrow;
}

/** Elements as raw contents. */
export function rawFromValues(values: TensorValues): Uint8Array {
  if (!Array.isArray(values)) return bytesOf(values);
  const parts = values.map((text) => Buffer.from(text));
  const raw = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  let at = 0;
  for (const part of parts) {
    at = raw.writeUInt32LE(part.length, at);
    at += part.copy(raw, at);
  }
  return raw;
}

/** Elements as typed contents. */
export function contentsFromValues(spec: DatatypeSpec, values: TensorValues): TensorContents {
  if (Array.isArray(values)) return { bytes: values.map((text) => Buffer.from(text)) };
  if (spec.member === 'int') return { int: Int32Array.from(values as Int32Array) };
  if (spec.member === 'uint') return { uint: Uint32Array.from(values as Uint32Array) };
  return { [spec.member]: values };
}

function textsFromRaw(raw: Uint8Array, length: number): string[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const texts: string[] = [];
  for (let at = 0; at < raw.byteLength; ) {
    const size = at + 4 <= raw.byteLength ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (size > raw.byteLength - at - 4) throw new TensorError(`ends within element ${texts.length}.`);
    if (texts.length === length) throw new TensorError(`has more than the ${length} elements of its shape.`);
    texts.push(textOf(raw.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  if (texts.length !== length) throw new TensorError(`has ${texts.length} elements; its shape needs ${length}.`);
  return texts;
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new TensorError('has an element that is no UTF-8 text.');
  }
}
