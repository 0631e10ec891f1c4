import type { IdSource } from '@millrace/kernel';
import { AppError, invalidArgument, isAppError } from '@millrace/kernel';
import type { CallContext } from '@millrace/rpc';
import { trace } from '@opentelemetry/api';
import type { InferRequest, InferResponse, ParameterValue } from './codec/messages.ts';
import type { BoundRequest } from './domain/bind-request.ts';
import { bindRequest } from './domain/bind-request.ts';
import type { TensorValues } from './domain/datatypes.ts';
import { fillColumns } from './domain/fill-columns.ts';
import { contentsFromValues, rawFromValues } from './domain/tensor-values.ts';
import { EndpointStats } from './endpoint-stats.ts';
import type { FeatureLookup } from './feature-lookup.ts';
import { segmentKey } from './log/log-segment.ts';
import type { PredictionLog } from './log/prediction-log.ts';
import type { LoadedModel } from './model/loaded-model.ts';
import type { EndpointRow } from './store/endpoints.ts';

/** The longest id of a request: ids of its rows stay below the 200 characters that ground truth allows. */
const ID_MAX = 190;
/** Bounds of the hint when to try again. */
const RETRY_MS = { min: 5, max: 1000 } as const;

/** What an endpoint works with. */
export interface EndpointRuntimeOptions {
  readonly definition: EndpointRow;
  readonly lookup: FeatureLookup;
  readonly log: PredictionLog;
  readonly ids: IdSource;
}

/** One endpoint in this process: the model that answers, the log, the figures. */
export class EndpointRuntime {
  definition: EndpointRow;
  readonly stats: EndpointStats = new EndpointStats();
  readonly log: PredictionLog;
  readonly #lookup: FeatureLookup;
  readonly #ids: IdSource;
  #model: LoadedModel | undefined;
  #logKey = '';
  #lookingUp = 0;

  constructor({ definition, lookup, log, ids }: EndpointRuntimeOptions) {
    this.definition = definition;
    this.log = log;
    this.#lookup = lookup;
    this.#ids = ids;
  }

  /** The model that answers. */
  get model(): LoadedModel | undefined {
    return this.#model;
  }

  /** Requests that wait for features or for the model. */
  get waiting(): number {
    return this.#lookingUp + (this.#model?.waiting ?? 0);
  }

  /** Lets another model answer from now on; requests under way end on the one they began with, which is freed then. */
  use(model: LoadedModel | undefined): void {
    const before = this.#model;
    if (before === model) return;
    this.#model = model;
    this.#logKey = model ? segmentKey(model.plan.inputs) : '';
    before?.release();
  }

  /** Answers one request. Errors are AppErrors of the Open Inference Protocol's meaning; see the service's proto. */
  async infer(request: InferRequest, context: CallContext): Promise<InferResponse> {
    const startMs = performance.now();
    try {
      const model = this.#modelFor(request);
      model.hold();
      try {
        return await this.#answer(model, request, context, startMs);
      } finally {
        model.release();
      }
    } catch (error) {
      this.stats.refused(isAppError(error) ? error.code : 'INTERNAL');
      throw error;
    }
  }

  async #answer(
    model: LoadedModel,
    request: InferRequest,
    context: CallContext,
    startMs: number,
  ): Promise<InferResponse> {
    const { plan } = model;
    checkId(request.id);
    const bound = bindRequest(plan, request, this.definition.rowsMax);
    this.#admit(model);
    const { signal } = context;
    const featuresMissing = bound.lookup ? await this.#lookUp(model, bound, signal) : undefined;
    const columns = bound.columns as TensorValues[];
    const outputs = await model.run({ columns, rows: bound.rows, signal, deadlineMs: context.deadline.getTime() });
    const latencyUs = (performance.now() - startMs) * 1000;
    const predictionId = request.id || this.#ids.next();
    this.stats.answered(model.identity.version, bound.rows, latencyUs);
    if (this.definition.logPredictions && wantsLog(request)) {
      this.log.append(plan.inputs, this.#logKey, {
        predictionId,
        rows: bound.rows,
        eventTimes: bound.eventTimes,
        requestMs: Math.round(Date.now() - latencyUs / 1000),
        version: model.identity.version,
        latencyUs,
        columns,
        predictions: outputs[plan.predictionOutput]!,
      });
    }
    trace.getActiveSpan()?.setAttribute('millrace.model_version', model.identity.version);
    return responseOf(model, request, bound, outputs, predictionId, featuresMissing);
  }

  #modelFor({ modelName, modelVersion }: InferRequest): LoadedModel {
    const model = this.#model;
    if (model === undefined) {
      throw new AppError('UNAVAILABLE', `Endpoint "${modelName}" has no model yet. Deploy one, or wait for it.`, {
        reason: 'ENDPOINT_NOT_READY',
        fields: { endpoint: this.definition.name },
      });
    }
    if (modelVersion === '' || modelVersion === model.versionNumber) return model;
    throw new AppError(
      'NOT_FOUND',
      `Endpoint "${modelName}" answers with version ${model.versionNumber}, not ${modelVersion.slice(0, 80)}. Leave the version empty, or deploy it.`,
      { reason: 'MODEL_VERSION_NOT_SERVED', fields: { endpoint: this.definition.name, version: model.versionNumber } },
    );
  }

  #admit(model: LoadedModel): void {
    const { waiting } = this;
    if (waiting < this.definition.queueMax) return;
    const estimateMs = (waiting * (model.cost.fixedUs + model.cost.rowUs)) / 1000;
    throw new AppError(
      'RESOURCE_EXHAUSTED',
      `${waiting} requests wait at endpoint "${this.definition.name}" already. Try again a little later.`,
      {
        reason: 'ENDPOINT_QUEUE_FULL',
        fields: { endpoint: this.definition.name, queue_max: String(this.definition.queueMax) },
        retryAfterMs: Math.min(Math.max(Math.ceil(estimateMs), RETRY_MS.min), RETRY_MS.max),
      },
    );
  }

  /** Looks features up and fills the model's inputs with them; gives the number of missing ones. */
  async #lookUp(model: LoadedModel, bound: BoundRequest, signal: AbortSignal): Promise<number> {
    this.#lookingUp++;
    try {
      const found = await this.#lookup.fetch(model.plan.features!, bound.lookup!, bound.rows, signal);
      return fillColumns(model.plan, bound.columns, bound.rows, found);
    } finally {
      this.#lookingUp--;
    }
  }
}

function wantsLog({ parameters }: InferRequest): boolean {
  const log = parameters?.get('log');
  return !(log?.kind === 'bool' ? log.value === false : log?.kind === 'string' && log.value === 'false');
}

function checkId(id: string): void {
  if (id.length <= ID_MAX) return;
  throw invalidArgument('INFERENCE_INPUT_INVALID', [
    { field: 'id', reason: 'ID_TOO_LONG', description: `has ${id.length} characters. Use at most ${ID_MAX}.` },
  ]);
}

function responseOf(
  model: LoadedModel,
  request: InferRequest,
  bound: BoundRequest,
  outputs: readonly TensorValues[],
  predictionId: string,
  featuresMissing: number | undefined,
): InferResponse {
  const isRaw = request.rawInputs.length > 0;
  const wanted = bound.outputs ?? outputs.keys();
  const tensors: InferResponse['outputs'][number][] = [];
  const rawOutputs: Uint8Array[] = [];
  for (const i of wanted) {
    const values = outputs[i]!;
    const { name, type, shape } = model.plan.outputs[i]!;
    const known = shape.slice(1).every((size) => size >= 0);
    const actual = [bound.rows, ...(known ? shape.slice(1) : [values.length / bound.rows])];
    const tensor = { name, datatype: type.name, shape: shape.length === 1 ? [bound.rows] : actual };
    tensors.push(isRaw ? tensor : { ...tensor, contents: contentsFromValues(type, values) });
    if (isRaw) rawOutputs.push(rawFromValues(values));
  }
  const parameters = new Map<string, ParameterValue>([
    ['model_version_name', { kind: 'string', value: model.identity.version }],
    ['prediction_id', { kind: 'string', value: predictionId }],
  ]);
  if (featuresMissing !== undefined)
    parameters.set('features_missing', { kind: 'int64', value: BigInt(featuresMissing) });
  return {
    modelName: request.modelName,
    modelVersion: model.versionNumber,
    id: request.id,
    parameters,
    outputs: tensors,
    rawOutputs,
  };
}
