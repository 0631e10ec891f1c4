import type { InferInput, InferRequest, ParameterValue, RequestedOutput } from './messages.ts';
import { expectWire, readContents } from './read-contents.ts';
import { WireReader } from './wire-reader.ts';

/**
 * Reads an `inference.ModelInferRequest`, every field of it, some four times as fast as a general codec. Byte fields are views of `bytes`.
 * Throws RangeError or TypeError for bytes that are no such message.
 */
export function readInferRequest(bytes: Uint8Array): InferRequest {
  const reader = new WireReader(bytes);
  const request: InferRequest = {
    modelName: '',
    modelVersion: '',
    id: '',
    parameters: undefined,
    inputs: [],
    outputs: [],
    rawInputs: [],
  };
  while (reader.at < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case 10:
        request.modelName = reader.text();
        break;
      case 18:
        request.modelVersion = reader.text();
        break;
      case 26:
        request.id = reader.text();
        break;
      case 34:
        request.parameters = readParameter(reader, request.parameters);
        break;
      case 42:
        request.inputs.push(readInput(reader));
        break;
      case 50:
        request.outputs.push(readOutput(reader));
        break;
      case 58:
        request.rawInputs.push(reader.bytes());
        break;
      default:
        skipUnknown(reader, tag, 7);
    }
  }
  return request;
}

function readInput(reader: WireReader): InferInput {
  const outer = reader.enter();
  const input: InferInput = { name: '', datatype: '', shape: [], parameters: undefined, contents: undefined };
  while (reader.at < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case 10:
        input.name = reader.text();
        break;
      case 18:
        input.datatype = reader.text();
        break;
      case 24:
        input.shape.push(reader.int64Number());
        break;
      case 26: {
        const shapeOuter = reader.enter();
        while (reader.at < reader.end) input.shape.push(reader.int64Number());
        reader.leave(shapeOuter);
        break;
      }
      case 34:
        input.parameters = readParameter(reader, input.parameters);
        break;
      case 42: {
        const contentsOuter = reader.enter();
        input.contents ??= {};
        readContents(reader, input.contents);
        reader.leave(contentsOuter);
        break;
      }
      default:
        skipUnknown(reader, tag, 5);
    }
  }
  reader.leave(outer);
  return input;
}

function readOutput(reader: WireReader): RequestedOutput {
  const outer = reader.enter();
  const output: RequestedOutput = { name: '', parameters: undefined };
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === 10) output.name = reader.text();
    else if (tag === 18) output.parameters = readParameter(reader, output.parameters);
    else skipUnknown(reader, tag, 2);
  }
  reader.leave(outer);
  return output;
}

/** One entry of a map of parameters, put into `known`; the last entry of a name counts. */
function readParameter(
  reader: WireReader,
  known: Map<string, ParameterValue> | undefined,
): Map<string, ParameterValue> {
  const outer = reader.enter();
  let key = '';
  let value: ParameterValue;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === 10) key = reader.text();
    else if (tag === 18) value = readParameterValue(reader, value);
    else skipUnknown(reader, tag, 2);
  }
  reader.leave(outer);
  return (known ?? new Map()).set(key, value);
}

function readParameterValue(reader: WireReader, before: ParameterValue): ParameterValue {
  const outer = reader.enter();
  let value = before;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case 8:
        value = { kind: 'bool', value: reader.uint64() !== 0n };
        break;
      case 16:
        value = { kind: 'int64', value: BigInt.asIntN(64, reader.uint64()) };
        break;
      case 26:
        value = { kind: 'string', value: reader.text() };
        break;
      case 33:
        value = { kind: 'double', value: reader.fixed64Float() };
        break;
      case 40:
        value = { kind: 'uint64', value: reader.uint64() };
        break;
      default:
        skipUnknown(reader, tag, 5);
    }
  }
  reader.leave(outer);
  return value;
}

/** Skips a field of a newer protocol; a known field with a foreign wire type is an error. */
function skipUnknown(reader: WireReader, tag: number, fieldMax: number): void {
  const field = tag >>> 3;
  if (field <= fieldMax) expectWire(tag, -1);
  reader.skip(tag);
}
