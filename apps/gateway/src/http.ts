import { Readable } from 'node:stream';
import type { JsonValue } from '@bufbuild/protobuf';
import type { GRPCInferenceService } from '@millrace/contracts/inference/inference';
import type { CallOptions, Client } from '@millrace/rpc';
import type { Logger, Telemetry } from '@millrace/telemetry';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Fastify from 'fastify';
import { httpFailure } from './http-errors.ts';
import { parseInferenceRequest } from './inference-json.ts';
import { requestFromJson, responseToJson } from './inference-rest.ts';
import type { JsonRpc } from './json-rpc.ts';

/** What the HTTP port is made of. */
export interface HttpOptions {
  readonly jsonRpc: JsonRpc;
  readonly inference: Client<typeof GRPCInferenceService>;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  /** Bytes of one request body. */
  readonly bodyBytesMax: number;
  /** Whether the process can serve. */
  isReady(): boolean;
}

/** The gateway's HTTP routes, not yet listening. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const http = Fastify({ logger: false, bodyLimit: options.bodyBytesMax, requestTimeout: 60_000 });
  http.setErrorHandler((error, request, reply) => {
    const failure = httpFailure(error);
    if (failure.status >= 500) options.logger.error('request failed', { url: request.url, error: String(error) });
    const { status, retryAfterSeconds, ...body } = failure;
    if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
    // The Open Inference Protocol's errors are one text; ours say more.
    return reply.status(status).send(request.url.startsWith('/v2') ? { error: body.message } : { error: body });
  });
  addHealth(http, options);
  addApi(http, options);
  addInference(http, options);
  return http;
}

function addHealth(http: FastifyInstance, { isReady, telemetry }: HttpOptions): void {
  http.get('/healthz', () => ({ status: 'alive' }));
  http.get('/readyz', (_, reply) => reply.status(isReady() ? 200 : 503).send({ ready: isReady() }));
  http.get('/metrics', async (_, reply) => reply.type('text/plain; version=0.0.4').send(await telemetry.metricsText()));
}

/** `POST /api/<service>/<method>` with the request's JSON form; streams answer newline-delimited JSON. */
function addApi(http: FastifyInstance, { jsonRpc }: HttpOptions): void {
  http.get('/api', () => ({ methods: jsonRpc.list() }));
  http.post<{ Params: { service: string; method: string } }>('/api/:service/:method', async (request, reply) => {
    const method = jsonRpc.method(request.params.service, request.params.method);
    const body = (request.body ?? {}) as JsonValue;
    const call = callOptions(request, reply);
    if (!method.isStream) return method.unary(body, call);
    return reply.type('application/x-ndjson').send(Readable.from(ndjson(method.stream(body, call))));
  });
}

async function* ndjson(values: AsyncIterable<JsonValue>): AsyncIterable<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

type ModelParams = { model: string; version?: string };

/** The REST form of the Open Inference Protocol, version 2. */
function addInference(http: FastifyInstance, { inference }: HttpOptions): void {
  http.get('/v2', async (request, reply) => inference.serverMetadata({}, callOptions(request, reply)));
  http.get('/v2/health/live', async (request, reply) => inference.serverLive({}, callOptions(request, reply)));
  http.get('/v2/health/ready', async (request, reply) => {
    const { ready } = await inference.serverReady({}, callOptions(request, reply));
    return reply.status(ready ? 200 : 503).send({ ready });
  });
  for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    http.get<{ Params: ModelParams }>(base, async (request, reply) => {
      const { model, version = '' } = request.params;
      const metadata = await inference.modelMetadata({ name: model, version }, callOptions(request, reply));
      const tensors = (list: typeof metadata.inputs) =>
        list.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(Number) }));
      return {
        name: metadata.name,
        versions: metadata.versions,
        platform: metadata.platform,
        inputs: tensors(metadata.inputs),
        outputs: tensors(metadata.outputs),
      };
    });
    http.get<{ Params: ModelParams }>(`${base}/ready`, async (request, reply) => {
      const { model, version = '' } = request.params;
      const { ready } = await inference.modelReady({ name: model, version }, callOptions(request, reply));
      return reply.status(ready ? 200 : 503).send({ ready });
    });
    http.post<{ Params: ModelParams }>(`${base}/infer`, async (request, reply) => {
      const { model, version = '' } = request.params;
      const message = requestFromJson(model, version, parseInferenceRequest(request.body));
      return responseToJson(await inference.modelInfer(message, callOptions(request, reply)));
    });
  }
}

/** Cancels the call when the client goes away; passes its deadline on (header `grpc-timeout-ms`). */
function callOptions(request: FastifyRequest, reply: FastifyReply): CallOptions {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded) gone.abort();
  });
  const timeoutMs = Number(request.headers['grpc-timeout-ms']);
  return { signal: gone.signal, ...(timeoutMs > 0 && { timeoutMs }) };
}
