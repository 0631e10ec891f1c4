import { create } from '@bufbuild/protobuf';
import type {
  InferParameter,
  InferTensorContents,
  ModelInferRequest,
  ModelInferResponse,
} from '@millrace/contracts/inference/inference';
import {
  InferParameterSchema,
  InferTensorContentsSchema,
  ModelInferRequestSchema,
} from '@millrace/contracts/inference/inference';
import { invalidArgument } from '@millrace/kernel';
import type { InferenceRequestJson, TensorJson } from './inference-json.ts';

/** Field of `InferTensorContents` that holds the values of a datatype. */
const CONTENTS: Readonly<Record<string, keyof Omit<InferTensorContents, '$typeName' | '$unknown'>>> = {
  BOOL: 'boolContents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
  BYTES: 'bytesContents',
};

/**
 * The gRPC form of a REST inference request (Open Inference Protocol, REST). Tensor data may be flat or nested.
 *
 * @throws AppError INVALID_ARGUMENT `TENSOR_DATATYPE` or `TENSOR_DATA`, naming the tensor.
 */
export function requestFromJson(model: string, version: string, json: InferenceRequestJson): ModelInferRequest {
  return create(ModelInferRequestSchema, {
    modelName: model,
    modelVersion: version,
    id: json.id ?? '',
    parameters: parametersFromJson(json.parameters),
    inputs: json.inputs.map((tensor, i) => ({
      name: tensor.name,
      datatype: tensor.datatype,
      shape: tensor.shape.map(BigInt),
      parameters: parametersFromJson(tensor.parameters),
      contents: contentsFromJson(tensor, `inputs[${i}]`),
    })),
    outputs: (json.outputs ?? []).map(({ name, parameters }) => ({ name, parameters: parametersFromJson(parameters) })),
  });
}

/** The REST form of a gRPC answer. */
export function responseToJson(response: ModelInferResponse): unknown {
  return {
    model_name: response.modelName,
    model_version: response.modelVersion,
    ...(response.id && { id: response.id }),
    ...(Object.keys(response.parameters).length > 0 && { parameters: parametersToJson(response.parameters) }),
    outputs: response.outputs.map((output, i) => ({
      name: output.name,
      datatype: output.datatype,
      shape: output.shape.map(Number),
      data: output.contents
        ? contentsToJson(output.datatype, output.contents)
        : rawToJson(output.datatype, response.rawOutputContents[i]),
    })),
  };
}

function contentsFromJson(tensor: TensorJson, field: string): InferTensorContents {
  const member = CONTENTS[tensor.datatype];
  if (!member) {
    const known = Object.keys(CONTENTS).join(', ');
    throw wrong(
      `${field}.datatype`,
      'TENSOR_DATATYPE',
      `"${tensor.datatype}" is not a datatype of JSON tensors; use one of ${known}.`,
    );
  }
  const data = (tensor.data as unknown[]).flat(Number.POSITIVE_INFINITY);
  const values = data.map((value, i) => valueFromJson(member, value, `${field}.data[${i}]`));
  return create(InferTensorContentsSchema, { [member]: values });
}

function valueFromJson(member: string, value: unknown, field: string): unknown {
  if (member === 'bytesContents' && typeof value === 'string') return new TextEncoder().encode(value);
  if (member === 'boolContents' && typeof value === 'boolean') return value;
  if (member.startsWith('fp')) {
    if (value === null || value === 'NaN') return Number.NaN;
    if (typeof value === 'number') return value;
  }
  if (member.endsWith('64Contents') && Number.isInteger(value)) return BigInt(value as number);
  if (member.endsWith('intContents') && Number.isInteger(value)) return value;
  throw wrong(field, 'TENSOR_DATA', `${JSON.stringify(value)?.slice(0, 40)} is not a value of the tensor's datatype.`);
}

function contentsToJson(datatype: string, contents: InferTensorContents): unknown[] {
  const values = contents[CONTENTS[datatype] ?? 'fp32Contents'] as unknown[];
  return values.map((value) => {
    if (typeof value === 'bigint') return Number(value);
    if (value instanceof Uint8Array) return new TextDecoder().decode(value);
    return Number.isNaN(value) ? null : value;
  });
}

/** Values of a raw tensor: little-endian, row-major; BYTES elements have a 4-byte length before them. */
function rawToJson(datatype: string, raw: Uint8Array | undefined): unknown[] {
  const bytes = raw ?? new Uint8Array();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const each = (size: number, read: (at: number) => unknown) =>
    Array.from({ length: bytes.byteLength / size }, (_, i) => read(i * size));
  switch (datatype) {
    case 'FP32':
      return each(4, (at) => finite(view.getFloat32(at, true)));
    case 'FP64':
      return each(8, (at) => finite(view.getFloat64(at, true)));
    case 'INT64':
      return each(8, (at) => Number(view.getBigInt64(at, true)));
    case 'INT32':
      return each(4, (at) => view.getInt32(at, true));
    case 'BOOL':
      return each(1, (at) => view.getUint8(at) !== 0);
    default: {
      const texts: string[] = [];
      for (let at = 0; at < bytes.byteLength; ) {
        const length = view.getUint32(at, true);
        texts.push(new TextDecoder().decode(bytes.subarray(at + 4, at + 4 + length)));
        at += 4 + length;
      }
      return texts;
    }
  }
}

const finite = (x: number) => (Number.isFinite(x) ? x : null);

function parametersFromJson(json: Readonly<Record<string, unknown>> = {}): Record<string, InferParameter> {
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [
      name,
      create(InferParameterSchema, {
        parameterChoice:
          typeof value === 'boolean'
            ? { case: 'boolParam', value }
            : typeof value === 'number'
              ? Number.isInteger(value)
                ? { case: 'int64Param', value: BigInt(value) }
                : { case: 'doubleParam', value }
              : { case: 'stringParam', value: typeof value === 'string' ? value : JSON.stringify(value) },
      }),
    ]),
  );
}

function parametersToJson(parameters: Readonly<Record<string, InferParameter>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { parameterChoice: choice }]) => [
      name,
      typeof choice.value === 'bigint' ? Number(choice.value) : choice.value,
    ]),
  );
}

function wrong(field: string, reason: string, description: string) {
  return invalidArgument(reason, [{ field, reason, description }]);
}
