import { PredictionsLoggedSchema } from '@millrace/contracts/millrace/serving/v1/serving_events';
import { emitEvent } from '@millrace/events';
import type { Digest } from '@millrace/kernel';
import { names, notFound } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import { withoutAmbientCall } from '@millrace/rpc';
import type { Logger } from '@millrace/telemetry';
import type { ServingConfig } from './config.ts';
import { EndpointRuntime } from './endpoint-runtime.ts';
import type { FeatureLookup } from './feature-lookup.ts';
import { PredictionLog } from './log/prediction-log.ts';
import type { LoadedModel, ModelOptions } from './model/loaded-model.ts';
import { loadSource } from './model-source.ts';
import { activeDeployment } from './store/deployments.ts';
import type { EndpointRow } from './store/endpoints.ts';
import { allEndpoints, findEndpoint } from './store/endpoints.ts';
import { insertLogFile } from './store/log-files.ts';
import { deploymentName, logFileToProto } from './translate.ts';

/** What the endpoints of a process need. */
export interface EndpointSetOptions {
  readonly config: ServingConfig;
  readonly platform: Platform;
  readonly database: Database;
  readonly lookup: FeatureLookup;
  readonly logger: Logger;
}

/**
 * The endpoints of this process, kept equal to the tables: each process loads what is active there. Changes are applied
 * one after another for each endpoint.
 */
export class EndpointSet {
  readonly #options: EndpointSetOptions;
  readonly #byName = new Map<string, EndpointRuntime>();
  /** By what requests call them: the full name, and the id in the workspace `default`. */
  readonly #byModelName = new Map<string, EndpointRuntime>();
  /** Loaded by this process's own deployment and not in use yet, by deployment id. */
  readonly #prepared = new Map<string, LoadedModel>();
  readonly #last = new Map<string, Promise<unknown>>();
  #batches = 0;

  constructor(options: EndpointSetOptions) {
    this.#options = options;
  }

  /** All endpoints of this process. */
  all(): Iterable<EndpointRuntime> {
    return this.#byName.values();
  }

  /** The endpoint of this name. */
  get(name: string): EndpointRuntime | undefined {
    return this.#byName.get(name);
  }

  /** The endpoint that a request means. Throws NOT_FOUND `ENDPOINT_NOT_FOUND`. */
  forModel(modelName: string): EndpointRuntime {
    const runtime = this.#byModelName.get(modelName);
    if (runtime) return runtime;
    throw notFound('Endpoint', modelName.slice(0, 200));
  }

  /** Settings with which models of an endpoint are loaded. */
  modelOptions(endpoint: string): ModelOptions {
    const { inlineMs, batchRowsMax, traceEvery } = this.#options.config;
    const { tracer } = this.#options.platform.telemetry('serving');
    return {
      inlineMs,
      batchRowsMax,
      onBatch: (jobs, rows) => {
        const runtime = this.#byName.get(endpoint);
        if (runtime) {
          runtime.stats.batches++;
          runtime.stats.batchedRequests += jobs;
        }
        if (traceEvery > 0 && this.#batches++ % traceEvery === 0)
          tracer.startSpan('serving.batch', { attributes: { endpoint, jobs, rows } }, undefined).end();
      },
    };
  }

  /** Keeps a model for the moment in which its deployment becomes active. */
  prepare(deploymentId: string, model: LoadedModel): void {
    this.#prepared.set(deploymentId, model);
  }

  /** Gives a prepared model up, when it was not taken. */
  discard(deploymentId: string): void {
    const model = this.#prepared.get(deploymentId);
    this.#prepared.delete(deploymentId);
    model?.release();
  }

  /** Makes every endpoint equal to the tables; a model that cannot be loaded is logged, and its endpoint is not ready. */
  async syncAll(): Promise<void> {
    const rows = await allEndpoints(this.#options.database);
    const gone = [...this.#byName.keys()].filter((name) => !rows.some((row) => row.name === name));
    await Promise.all([...rows.map(({ name }) => name), ...gone].map((name) => this.sync(name)));
  }

  /** Makes one endpoint equal to the tables. */
  sync(name: string): Promise<void> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const next = before.then(() => withoutAmbientCall(() => this.#sync(name)));
    const settled = next.catch((error) => {
      this.#options.logger.error('An endpoint could not be brought up to date.', { endpoint: name, err: error });
    });
    this.#last.set(name, settled);
    return settled;
  }

  async #sync(name: string): Promise<void> {
    const { database, platform } = this.#options;
    const definition = await findEndpoint(database, name);
    if (!definition) return this.#remove(name);
    const runtime = this.#runtimeOf(definition);
    const deployment = await activeDeployment(database, name);
    if (!deployment?.source) return;
    const full = deploymentName(deployment);
    if (runtime.model?.identity.deployment === full) return;
    const prepared = this.#prepared.get(deployment.id);
    this.#prepared.delete(deployment.id);
    const model = prepared ?? (await loadSource(deployment.source, full, platform.blobs, this.modelOptions(name)));
    runtime.use(model);
  }

  /** Writes all logged predictions, waits for the models in use, and frees them; tells of predictions that are lost. */
  async close(): Promise<string[]> {
    await Promise.all(this.#last.values());
    await Promise.all([...this.all()].map((runtime) => runtime.log.flushQuietly()));
    const lost = [...this.all()].filter(({ log }) => log.waitingRows > 0);
    const cut = lost.map(({ definition, log }) => `${log.waitingRows} logged predictions of ${definition.name}`);
    const models = [...this.all()].flatMap(({ model }) => model ?? []);
    for (const name of [...this.#byName.keys()]) this.#remove(name);
    for (const id of [...this.#prepared.keys()]) this.discard(id);
    await Promise.all(models.map((model) => model.closed()));
    return cut;
  }

  #runtimeOf(definition: EndpointRow): EndpointRuntime {
    const known = this.#byName.get(definition.name);
    if (known) {
      known.definition = definition;
      return known;
    }
    const { lookup, platform } = this.#options;
    const log = this.#logOf(definition.name);
    const runtime = new EndpointRuntime({ definition, lookup, log, ids: platform.ids });
    const { workspace, endpoint } = names.endpoint.parse(definition.name);
    this.#byName.set(definition.name, runtime);
    this.#byModelName.set(definition.name, runtime);
    if (workspace === 'default') this.#byModelName.set(endpoint, runtime);
    return runtime;
  }

  #remove(name: string): void {
    const runtime = this.#byName.get(name);
    if (!runtime) return;
    this.#byName.delete(name);
    for (const [key, value] of this.#byModelName) if (value === runtime) this.#byModelName.delete(key);
    runtime.use(undefined);
  }

  #logOf(endpoint: string): PredictionLog {
    const { config, platform, database, logger } = this.#options;
    return new PredictionLog({
      ...config.log,
      put: (content) => platform.blobs.put(content),
      onError: (error) => logger.warn('Predictions could not be logged; they are kept.', { endpoint, err: error }),
      commit: ({ digest, sizeBytes }, summary) =>
        database.withTransaction(async (tx) => {
          const file = await insertLogFile(tx, {
            endpoint,
            digest: digest satisfies Digest,
            sizeBytes,
            rows: summary.rows,
            startAt: new Date(summary.startMs),
            endAt: new Date(summary.endMs),
            rowsByVersion: summary.rowsByVersion,
            createdAt: platform.clock.now(),
          });
          if (file === undefined) return;
          await emitEvent(tx, {
            subject: 'millrace.serving.v1.predictions.logged',
            resource: endpoint,
            schema: PredictionsLoggedSchema,
            message: { file: logFileToProto(file) },
          });
        }),
    });
  }
}
