import { fromBinary } from '@bufbuild/protobuf';
import type { ModelProto, ValueInfoProto } from '@millrace/contracts/onnx/onnx';
import { ModelProtoSchema } from '@millrace/contracts/onnx/onnx';
import { AppError } from '@millrace/kernel';
import type { ElementType, Shape } from './types.ts';
import { elementTypeOf } from './types.ts';

/** An input or output as a file declares it. Values that are no tensors of a known element type are `other`. */
export interface ModelValue {
  readonly name: string;
  readonly type: ElementType | 'other';
  /** Sizes or names of the dimensions; -1 where the file says nothing. */
  readonly shape: Shape;
}

/** What can be told of an ONNX file without running it. */
export interface ModelInfo {
  readonly irVersion: number;
  readonly producer: { readonly name: string; readonly version: string };
  readonly graphName: string;
  /** Values the caller gives; initializers with a default are left out. */
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  /** Operator set versions by domain; `''` is `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** How often each operator is used, keys as `domain:Operator` or `Operator` for the standard domain. */
  readonly operators: Readonly<Record<string, number>>;
  readonly sizeBytes: number;
}

/** Reads an ONNX file. Throws INVALID_ARGUMENT `ONNX_MODEL_INVALID` when the bytes are not one. */
export function readModel(bytes: Uint8Array): ModelInfo {
  const model = parse(bytes);
  const graph = model.graph;
  if (!graph || model.opsetImport.length === 0) {
    throw invalidModel('it holds no graph or names no operator set');
  }
  const initialized = new Set(graph.initializer.map((tensor) => tensor.name));
  const operators: Record<string, number> = {};
  for (const node of graph.node) {
    const key = node.domain ? `${node.domain}:${node.opType}` : `${node.opType}`;
    operators[key] = (operators[key] ?? 0) + 1;
  }
  return {
    irVersion: Number(model.irVersion ?? 0n),
    producer: { name: model.producerName ?? '', version: model.producerVersion ?? '' },
    graphName: graph.name ?? '',
    inputs: graph.input.filter((value) => !initialized.has(value.name)).map(modelValue),
    outputs: graph.output.map(modelValue),
    opsets: Object.fromEntries(model.opsetImport.map((set) => [domainOf(set.domain), Number(set.version ?? 0n)])),
    metadata: Object.fromEntries(model.metadataProps.map((entry) => [entry.key ?? '', entry.value ?? ''])),
    operators,
    sizeBytes: bytes.byteLength,
  };
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw invalidModel('its bytes do not follow the wire format', cause);
  }
}

function invalidModel(why: string, cause?: unknown): AppError {
  return new AppError('INVALID_ARGUMENT', `The bytes are not an ONNX model: ${why}. Give a file in ONNX format.`, {
    reason: 'ONNX_MODEL_INVALID',
    cause,
  });
}

/** The standard domain may be written out as `ai.onnx`; it is one and the same. */
function domainOf(domain: string | undefined): string {
  return domain === undefined || domain === 'ai.onnx' ? '' : domain;
}

function modelValue(value: ValueInfoProto): ModelValue {
  const tensor = value.type?.value.case === 'tensorType' ? value.type.value.value : undefined;
  return {
    name: value.name ?? '',
    type: elementTypeOf(tensor?.elemType ?? 0) ?? 'other',
    shape: (tensor?.shape?.dim ?? []).map((dim) => {
      if (dim.value.case === 'dimValue') return Number(dim.value.value);
      return dim.value.case === 'dimParam' ? dim.value.value : -1;
    }),
  };
}
