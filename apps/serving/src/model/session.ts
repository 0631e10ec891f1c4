import { AppError, messageOf } from '@millrace/kernel';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { TensorValues } from '../domain/datatypes.ts';
import { datatypeOfOrt } from '../domain/datatypes.ts';
import type { ModelInput, ModelOutput } from '../domain/model-plan.ts';

/** An ONNX Runtime session in this thread. */
export interface ModelSession {
  readonly inputs: readonly ModelInput[];
  readonly outputs: readonly ModelOutput[];
  /**
   * Runs `rows` rows; columns and results in the order of `inputs` and `outputs`. It blocks the thread from a later turn of the event loop on:
   * the columns must not be changed before it has resolved. Throws FAILED_PRECONDITION `MODEL_RUN_FAILED`.
   */
  run(columns: readonly TensorValues[], rows: number): Promise<TensorValues[]>;
  /** Frees the native memory. No run may be waiting. */
  release(): Promise<void>;
}

/**
 * Options set on purpose: one thread, so that requests share the cores predictably; no spinning, which would burn a
 * core between requests; no memory pattern, since the number of rows varies; errors only in the log.
 */
const OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  enableMemPattern: false,
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
};

type TensorConstructor = new (type: string, data: unknown, dims: readonly number[]) => Tensor;

/**
 * Loads a model from memory. Every input must be [rows, …] with fixed further sizes.
 *
 * @throws AppError INVALID_ARGUMENT `ONNX_MODEL_INVALID`, FAILED_PRECONDITION `MODEL_SHAPE_UNSUPPORTED`.
 */
export async function createModelSession(model: Uint8Array): Promise<ModelSession> {
  const session = await load(model);
  const inputs = session.inputMetadata.map(inputOf);
  const outputs = session.outputMetadata.map(outputOf);
  const shapes = inputs.map(({ inner }) => inner);
  return {
    inputs,
    outputs,
    async run(columns, rows) {
      const feeds: Record<string, Tensor> = {};
      for (let i = 0; i < inputs.length; i++) {
        const { name, type } = inputs[i]!;
        const dims = [rows, ...shapes[i]!];
        feeds[name] = new (Tensor as unknown as TensorConstructor)(type.ortType, columns[i], dims);
      }
      const results = await runNative(session, feeds);
      return outputs.map(({ name }) => checkedOutput(name, results[name] as Tensor, rows));
    },
    release: () => session.release(),
  };
}

async function load(model: Uint8Array): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(model, OPTIONS);
  } catch (cause) {
    throw new AppError(
      'INVALID_ARGUMENT',
      `ONNX Runtime cannot load the model: ${messageOf(cause)}. Register one that it loads.`,
      { reason: 'ONNX_MODEL_INVALID', cause },
    );
  }
}

async function runNative(session: InferenceSession, feeds: Record<string, Tensor>) {
  try {
    return await session.run(feeds);
  } catch (cause) {
    throw new AppError('FAILED_PRECONDITION', `The model could not be run: ${messageOf(cause)}`, {
      reason: 'MODEL_RUN_FAILED',
      cause,
    });
  }
}

function inputOf(meta: InferenceSession.ValueMetadata): ModelInput {
  const { name } = meta;
  const type = meta.isTensor ? datatypeOfOrt(meta.type) : undefined;
  const [rows, ...inner] = meta.isTensor ? meta.shape : [];
  if (type === undefined || typeof rows !== 'string' || !inner.every((size) => typeof size === 'number'))
    throw shapeError(`Input "${name}" is ${meta.isTensor ? `${meta.type} [${meta.shape}]` : 'no tensor'}.`);
  const sizes = inner as number[];
  return { name, type, inner: sizes, width: sizes.reduce((a, b) => a * b, 1) };
}

function outputOf(meta: InferenceSession.ValueMetadata): ModelOutput {
  const type = meta.isTensor ? datatypeOfOrt(meta.type) : undefined;
  if (type === undefined || !meta.isTensor) throw shapeError(`Output "${meta.name}" is no tensor of a known type.`);
  const [, ...inner] = meta.shape;
  return { name: meta.name, type, shape: [-1, ...inner.map((size) => (typeof size === 'number' ? size : -1))] };
}

function checkedOutput(name: string, tensor: Tensor, rows: number): TensorValues {
  if (tensor.dims[0] === rows) return tensor.data as unknown as TensorValues;
  throw shapeError(`Output "${name}" has shape [${tensor.dims}] for ${rows} rows.`);
}

function shapeError(what: string): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `${what} Serving takes models whose inputs and outputs have the rows as their first dimension and fixed other ones.`,
    { reason: 'MODEL_SHAPE_UNSUPPORTED' },
  );
}
