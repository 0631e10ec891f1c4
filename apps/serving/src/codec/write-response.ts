import type { InferOutput, InferResponse, Parameters, ParameterValue, TensorContents } from './messages.ts';
import { WireWriter } from './wire-writer.ts';

/** Writes an `inference.ModelInferResponse`. */
export function writeInferResponse(response: InferResponse): Buffer {
  const writer = new WireWriter();
  if (response.modelName) writer.textField(10, response.modelName);
  if (response.modelVersion) writer.textField(18, response.modelVersion);
  if (response.id) writer.textField(26, response.id);
  writeParameters(writer, 34, response.parameters);
  for (const output of response.outputs) writer.messageField(42, () => writeOutput(writer, output));
  for (const raw of response.rawOutputs) writer.bytesField(50, raw);
  return writer.finish();
}

function writeOutput(writer: WireWriter, output: InferOutput): void {
  if (output.name) writer.textField(10, output.name);
  if (output.datatype) writer.textField(18, output.datatype);
  if (output.shape.length > 0) {
    writer.messageField(26, () => {
      for (const size of output.shape) {
        if (size >= 0) writer.varint(size);
        else writer.varint64(BigInt(size));
      }
    });
  }
  writeParameters(writer, 34, output.parameters);
  const { contents } = output;
  if (contents) writer.messageField(42, () => writeContents(writer, contents));
}

function writeContents(writer: WireWriter, contents: TensorContents): void {
  packed(writer, 10, contents.bool, (value) => writer.varint(value));
  packed(writer, 18, contents.int, (value) => (value < 0 ? writer.varint64(BigInt(value)) : writer.varint(value)));
  packed(writer, 26, contents.int64, (value) => writer.varint64(value));
  packed(writer, 34, contents.uint, (value) => writer.varint(value));
  packed(writer, 42, contents.uint64, (value) => writer.varint64(value));
  if (contents.fp32?.length) writer.bytesField(50, bytesOf(contents.fp32));
  if (contents.fp64?.length) writer.bytesField(58, bytesOf(contents.fp64));
  for (const bytes of contents.bytes ?? []) writer.bytesField(66, bytes);
}

function packed<T>(
  writer: WireWriter,
  tag: number,
  values: (Iterable<T> & { readonly length: number }) | undefined,
  write: (value: T) => void,
): void {
  if (values === undefined || values.length === 0) return;
  writer.messageField(tag, () => {
    for (const value of values) write(value);
  });
}

function writeParameters(writer: WireWriter, tag: number, parameters: Parameters | undefined): void {
  if (parameters === undefined) return;
  for (const [name, value] of parameters) {
    writer.messageField(tag, () => {
      writer.textField(10, name);
      writer.messageField(18, () => writeParameterValue(writer, value));
    });
  }
}

function writeParameterValue(writer: WireWriter, parameter: ParameterValue): void {
  switch (parameter?.kind) {
    case 'bool':
      writer.varint(8);
      writer.varint(parameter.value ? 1 : 0);
      return;
    case 'int64':
      writer.varint(16);
      writer.varint64(parameter.value);
      return;
    case 'string':
      writer.textField(26, parameter.value);
      return;
    case 'double':
      writer.varint(33);
      writer.double(parameter.value);
      return;
    case 'uint64':
      writer.varint(40);
      writer.varint64(parameter.value);
      return;
  }
}

/** The bytes of a typed array, little-endian as this platform is. */
export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
