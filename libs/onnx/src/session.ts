import type { FieldViolation } from '@millrace/kernel';
import { AppError, invalidArgument, messageOf } from '@millrace/kernel';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import type { ElementType, Shape } from './types.ts';

/** The array that holds the elements of a tensor of each type. */
export interface TensorArrays {
  float32: Float32Array;
  float64: Float64Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
  string: string[];
}

/** A tensor given to or taken from a session. */
export interface Column {
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Row-major elements; of type {@link TensorArrays}[type]. */
  readonly values: TensorArrays[ElementType];
}

/** How a session runs. */
export interface SessionOptions {
  /** Threads within one operator; 1 when left out, so that many sessions share a machine predictably. */
  readonly threads?: number;
}

/** The version of ONNX Runtime that runs the models. */
export const onnxRuntimeVersion: string = env.versions.node ?? 'unknown';

/** A loaded model. */
export interface OnnxSession {
  readonly inputs: readonly { readonly name: string; readonly type: string; readonly shape: Shape }[];
  readonly outputs: readonly { readonly name: string; readonly type: string; readonly shape: Shape }[];
  /**
   * Runs the model once. Every declared input must be given, with its type and shape; named dimensions must have one
   * size across inputs. Throws INVALID_ARGUMENT `MODEL_INPUT_INVALID` with every wrong input at once, and
   * FAILED_PRECONDITION `MODEL_RUN_FAILED` when the runtime refuses. The computing blocks the event loop.
   */
  run(columns: Readonly<Record<string, Column>>): Promise<Record<string, Column>>;
  /** Frees the native memory. */
  close(): Promise<void>;
}

/**
 * Loads a model from a file or from memory with options set on purpose: one thread unless asked for more, no parallel
 * execution of nodes, threads that sleep when idle, no memory pattern (row counts vary), warnings and errors only.
 * Throws INVALID_ARGUMENT `ONNX_MODEL_INVALID` when ONNX Runtime cannot load it.
 */
export async function createOnnxSession(
  pathOrBytes: string | Uint8Array,
  options: SessionOptions = {},
): Promise<OnnxSession> {
  const native: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    intraOpNumThreads: options.threads ?? 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    enableMemPattern: false,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
  };
  const session = await load(pathOrBytes, native);
  const inputs = session.inputMetadata.map(sessionValue);
  return {
    inputs,
    outputs: session.outputMetadata.map(sessionValue),
    async run(columns) {
      const violations = checkColumns(inputs, columns);
      if (violations.length > 0) throw invalidArgument('MODEL_INPUT_INVALID', violations);
      const feeds: Record<string, Tensor> = {};
      for (const { name } of inputs) feeds[name] = toTensor(columns[name] as Column);
      const results = await runNative(session, feeds);
      const outputs: Record<string, Column> = {};
      for (const [name, value] of Object.entries(results)) {
        const tensor = value as Tensor;
        outputs[name] = {
          type: tensor.type as ElementType,
          shape: tensor.dims,
          values: tensor.data as TensorArrays[ElementType],
        };
      }
      return outputs;
    },
    close: () => session.release(),
  };
}

async function load(pathOrBytes: string | Uint8Array, options: InferenceSession.SessionOptions) {
  try {
    return typeof pathOrBytes === 'string'
      ? await InferenceSession.create(pathOrBytes, options)
      : await InferenceSession.create(pathOrBytes, options);
  } catch (cause) {
    throw new AppError('INVALID_ARGUMENT', `ONNX Runtime cannot load the model: ${messageOf(cause)}`, {
      reason: 'ONNX_MODEL_INVALID',
      cause,
    });
  }
}

async function runNative(session: InferenceSession, feeds: Record<string, Tensor>) {
  try {
    return await session.run(feeds);
  } catch (cause) {
    throw new AppError('FAILED_PRECONDITION', `ONNX Runtime could not run the model: ${messageOf(cause)}`, {
      reason: 'MODEL_RUN_FAILED',
      cause,
    });
  }
}

function sessionValue(meta: InferenceSession.ValueMetadata) {
  return meta.isTensor
    ? { name: meta.name, type: meta.type as string, shape: meta.shape }
    : { name: meta.name, type: 'other', shape: [] };
}

function toTensor(column: Column): Tensor {
  const make = Tensor as unknown as new (type: string, data: unknown, dims: readonly number[]) => Tensor;
  return new make(column.type, column.values, column.shape);
}

/** All that is wrong with the given inputs, one violation for each input. */
function checkColumns(inputs: OnnxSession['inputs'], columns: Readonly<Record<string, Column>>): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const sizes = new Map<string, number>();
  const wrong = (field: string, reason: string, description: string) => violations.push({ field, reason, description });

  for (const { name, type, shape } of inputs) {
    const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
    if (!column) wrong(name, 'MISSING_INPUT', `is missing. Give a ${type} tensor of shape [${shape}].`);
    else if (column.type !== type) wrong(name, 'WRONG_TYPE', `has type ${column.type}. Give ${type}.`);
    else if (!fits(shape, column.shape, sizes)) {
      wrong(name, 'WRONG_SHAPE', `has shape [${column.shape}]. Give [${shape}], the same size for each name.`);
    } else if (column.values.length !== column.shape.reduce((a, b) => a * b, 1)) {
      wrong(name, 'WRONG_LENGTH', `has ${column.values.length} values, which do not fill [${column.shape}].`);
    }
  }
  for (const name of Object.keys(columns)) {
    if (!inputs.some((input) => input.name === name)) {
      wrong(name, 'UNKNOWN_INPUT', `is not an input of the model. Known: ${inputs.map((i) => i.name).join(', ')}.`);
    }
  }
  return violations;
}

function fits(declared: Shape, given: readonly number[], sizes: Map<string, number>): boolean {
  if (declared.length !== given.length) return false;
  return declared.every((size, i) => {
    const actual = given[i] as number;
    if (typeof size === 'number') return size < 0 || size === actual;
    const known = sizes.get(size) ?? actual;
    if (size !== '') sizes.set(size, known);
    return known === actual;
  });
}
