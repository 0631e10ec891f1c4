import { create, toBinary } from '@bufbuild/protobuf';
import type { NodeProto, TensorProto } from '@millrace/contracts/onnx/onnx';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from '@millrace/contracts/onnx/onnx';
import { invariant } from '@millrace/kernel';
import type { Attribute } from './attribute.ts';
import { attributeProto } from './attribute.ts';
import { tensorProto } from './tensor.ts';
import type { ElementType, Shape, TensorValue, ValueInfo } from './types.ts';
import { DATA_TYPES } from './types.ts';

/** Domain of the classical machine-learning operators. */
export const ML_DOMAIN = 'ai.onnx.ml';

/** Format version written: 10 (ONNX 1.16), read by every ONNX Runtime since 1.18. */
export const IR_VERSION = 10;

/**
 * Operator sets written unless the caller says otherwise: `ai.onnx` 21, and `ai.onnx.ml` 3, whose tree ensembles are
 * the ones that ONNX Runtime runs without conversion.
 */
export const DEFAULT_OPSETS: Readonly<Record<string, number>> = { '': 21, [ML_DOMAIN]: 3 };

/** One call of an operator to be added to a graph. */
export interface NodeSpec {
  /** The operator, for example `Concat`. */
  readonly op: string;
  /** Its domain; the standard one when left out. Use {@link ML_DOMAIN} for tree ensembles, scalers and encoders. */
  readonly domain?: string;
  /** Names of values; an empty name leaves an optional input out. */
  readonly inputs: readonly string[];
  /** Names for the outputs, or how many to make up; one when left out. */
  readonly outputs?: readonly string[] | number;
  /** Attributes; written in the order of their names. */
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** What the file says besides its graph. */
export interface BuildOptions {
  /** Operator set versions by domain (`''` is `ai.onnx`); laid over {@link DEFAULT_OPSETS}. Unused domains are not written. */
  readonly opsets?: Readonly<Record<string, number>>;
  /** Free metadata, written in the order of its keys. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Name and version of the writer; `millrace` and none when left out. */
  readonly producer?: { readonly name: string; readonly version?: string };
}

/** Collects a graph and writes it as an ONNX file. The same calls give the same bytes. */
export interface GraphBuilder {
  /** Declares an input and gives its name back. */
  input(name: string, type: ElementType, shape: Shape): string;
  /** Declares an output; some node must give a value of this name before {@link GraphBuilder.build}. */
  output(name: string, type: ElementType, shape: Shape): string;
  /** Adds a constant and gives its name, `name` or the next free `c<number>`. */
  constant(value: TensorValue, name?: string): string;
  /** Adds a node and gives the names of its outputs: those asked for, or `v<number>`. */
  node(spec: NodeSpec): string[];
  /** The ONNX file. */
  build(options?: BuildOptions): Uint8Array;
}

/** Starts an empty graph. Broken rules (a name twice, an input nobody makes) are bugs of the caller and throw as such. */
export function createGraph(options: { readonly name: string }): GraphBuilder {
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const constants: TensorProto[] = [];
  const nodes: NodeProto[] = [];
  const known = new Set<string>();
  const domains = new Set<string>(['']);
  let made = 0;

  const declare = (name: string) => {
    invariant(name !== '' && !known.has(name), `value "${name}" is declared once in graph ${options.name}`);
    known.add(name);
    return name;
  };
  const fresh = (prefix: string) => {
    let name = `${prefix}${made++}`;
    while (known.has(name)) name = `${prefix}${made++}`;
    return declare(name);
  };

  return {
    input(name, type, shape) {
      inputs.push({ name: declare(name), type, shape });
      return name;
    },
    output(name, type, shape) {
      outputs.push({ name, type, shape });
      return name;
    },
    constant(value, name) {
      const id = name === undefined ? fresh('c') : declare(name);
      constants.push(tensorProto(id, value));
      return id;
    },
    node(spec) {
      for (const input of spec.inputs) {
        invariant(input === '' || known.has(input), `input "${input}" of ${spec.op} is a value of the graph`);
      }
      const wanted = spec.outputs ?? 1;
      const names = typeof wanted === 'number' ? Array.from({ length: wanted }, () => fresh('v')) : wanted.map(declare);
      const attributes = Object.entries(spec.attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
      domains.add(spec.domain ?? '');
      nodes.push(
        create(NodeProtoSchema, {
          name: `${spec.op}_${nodes.length}`,
          opType: spec.op,
          input: [...spec.inputs],
          output: [...names],
          attribute: attributes.map(([name, value]) => attributeProto(name, value)),
          ...(spec.domain ? { domain: spec.domain } : {}),
        }),
      );
      return [...names];
    },
    build(build = {}) {
      for (const { name } of outputs) invariant(known.has(name), `output "${name}" is given by a node`);
      const versions = { ...DEFAULT_OPSETS, ...build.opsets };
      const model = create(ModelProtoSchema, {
        irVersion: BigInt(IR_VERSION),
        producerName: build.producer?.name ?? 'millrace',
        graph: create(GraphProtoSchema, {
          name: options.name,
          node: nodes,
          initializer: constants,
          input: inputs.map(valueInfoProto),
          output: outputs.map(valueInfoProto),
        }),
        opsetImport: [...domains].sort().map((domain) => {
          invariant(versions[domain] !== undefined, `domain "${domain}" has an operator set version`);
          return create(OperatorSetIdProtoSchema, { domain, version: BigInt(versions[domain] as number) });
        }),
        metadataProps: Object.entries(build.metadata ?? {})
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
      });
      if (build.producer?.version !== undefined) model.producerVersion = build.producer.version;
      return toBinary(ModelProtoSchema, model);
    },
  };
}

function valueInfoProto(info: ValueInfo) {
  const dim = info.shape.map((size) => ({
    value:
      typeof size === 'number'
        ? { case: 'dimValue' as const, value: BigInt(size) }
        : { case: 'dimParam' as const, value: size },
  }));
  const tensor = create(TypeProto_TensorSchema, { elemType: DATA_TYPES[info.type], shape: { dim } });
  return create(ValueInfoProtoSchema, {
    name: info.name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}
