import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { type MillraceClient, untilEnded } from '@millrace/client';
import { ModelInferRequestSchema } from '@millrace/contracts/inference/inference';
import type { TensorSpec } from '@millrace/contracts/millrace/training/v1/training_job';
import { createRpcServer } from '@millrace/rpc';
import { createTelemetry, nullLogger } from '@millrace/telemetry';
import { applyFlightFeatures, makeTrainingSet } from '../flight-features.ts';
import { bareDuckDb, FLIGHTS, publishFlights, W } from '../flights.ts';
import { runLoad } from '../load.ts';
import { startPlatform } from '../running-platform.ts';
import { statesOf } from '../states-of.ts';
import type { Bench, Suite } from '../suite.ts';

const MODEL = `${W}/registeredModels/flights`;
const ENDPOINT = `${W}/endpoints/flights`;
const INFER = '/inference.GRPCInferenceService/ModelInfer';
const ECHO = '/bench.Echo/Echo';

/**
 * One row a request over gRPC, all inputs of the model given as raw tensors, predictions logged as by default. The model is
 * the example's (100 trees of 31 leaves, the three views), trained here on two weeks of flights. Beside it the same request
 * to a server on libs/rpc that answers nothing. Clients in a process of their own.
 */
const predict: Suite = async (bench) => {
  const cut = join(bench.directory, 'cut.parquet');
  const until = bench.isQuick ? '2001-01-03' : '2001-01-29';
  await bareDuckDb(`COPY (FROM '${FLIGHTS}' WHERE date < '${until}') TO '${cut}' (FORMAT parquet)`);
  const { client, address, stop } = await startPlatform(bench);
  await publishFlights(client, 'flights', [cut]);
  await applyFlightFeatures(client, ['origin', 'destination', 'route']);
  bench.progress('training the model');
  const { name: trainingSet } = await makeTrainingSet(client, bench.isQuick ? '2001-01-02' : '2001-01-15', until);
  const inputs = await trainAndDeploy(client, trainingSet);
  const request = create(ModelInferRequestSchema, {
    modelName: 'flights',
    inputs: inputs.map(({ name, datatype }) => ({ name, datatype, shape: [1n, 1n] })),
    rawInputContents: inputs.map(rawValue),
  });
  const answer = await client.inference.modelInfer(request);
  if (answer.outputs.length === 0) throw new Error('The prediction has no outputs.');

  const messages = [toBinary(ModelInferRequestSchema, request)];
  const seconds = bench.isQuick ? 1 : 5;
  const echo = await startEcho(bench);
  for (const clients of bench.isQuick ? [1] : [1, 8, 64]) {
    bench.progress(`${clients} clients`);
    const work = `one prediction over gRPC, ${inputs.length} raw columns, ${clients} client${clients > 1 ? 's' : ''}`;
    const served = await runLoad(bench, { address, path: INFER, clients, seconds, messages });
    const echoed = await runLoad(bench, { address: echo, path: ECHO, clients, seconds, messages });
    const target = clients === 1 ? { below: 1.5 } : undefined;
    bench.report({ work, subject: 'millrace', metric: 'p50', value: served.p50Ms, unit: 'ms', target });
    bench.report({ work, subject: 'millrace', metric: 'p99', value: served.p99Ms, unit: 'ms' });
    bench.report({ work, subject: 'millrace', metric: 'throughput', value: served.requestsPerSecond, unit: 'req/s' });
    bench.report({ work, subject: 'empty echo on libs/rpc', metric: 'p50', value: echoed.p50Ms, unit: 'ms' });
    const throughput = { metric: 'throughput', value: echoed.requestsPerSecond, unit: 'req/s' };
    bench.report({ work, subject: 'empty echo on libs/rpc', ...throughput });
  }
  await stop();
};
export default predict;

/** Trains, registers and deploys; gives the inputs of the model. */
async function trainAndDeploy(client: MillraceClient, trainingSet: string): Promise<readonly TensorSpec[]> {
  const { training, registry, serving } = client;
  const { trainingJob } = await training.createTrainingJob({
    parent: W,
    spec: {
      trainingSet,
      preprocessing: [
        { columns: ['origin', 'destination'], step: { case: 'ordinal', value: { order: 'target' } } },
        { step: { case: 'passthrough', value: {} } },
      ],
      estimator: {
        kind: { case: 'gradientBoosting', value: { numIterations: 100, numLeaves: 31, learningRate: 0.1 } },
      },
      split: { testFraction: 0.15 },
      seed: 7n,
    },
  });
  const job = await untilEnded(statesOf(training.watchTrainingJob({ name: trainingJob!.name }), (r) => r.trainingJob));
  await registry.createRegisteredModel({ registeredModel: { name: MODEL } });
  const { modelVersion } = await registry.registerModelVersion({ registeredModel: MODEL, trainingJob: job.name });
  await serving.createEndpoint({ endpoint: { name: ENDPOINT, registeredModel: MODEL } });
  const { deployment } = await serving.deploy({ endpoint: ENDPOINT, modelVersion: modelVersion!.name });
  await untilEnded(statesOf(serving.watchDeployment({ name: deployment!.name }), (r) => r.deployment));
  return job.result?.signature?.inputs ?? [];
}

/** One plausible value of an input, in the raw encoding of the Open Inference Protocol. */
function rawValue({ name, datatype }: TensorSpec): Uint8Array {
  if (datatype === 'BYTES') {
    const text = Buffer.from(name === 'origin' ? 'ATL' : 'ORD');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return Buffer.concat([length, text]);
  }
  const value = name === 'distance' ? 606 : name === 'minute_of_day' ? 1020 : name.includes('late_rate') ? 0.2 : 3;
  if (datatype === 'FP32') return new Uint8Array(Float32Array.of(value).buffer);
  if (datatype === 'FP64') return new Uint8Array(Float64Array.of(value).buffer);
  if (datatype === 'INT64') return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
  throw new Error(`The model's input ${name} is of type ${datatype}, for which this suite has no value.`);
}

/** A server that takes any message and answers an empty one; gives its address. */
async function startEcho(bench: Bench): Promise<string> {
  const telemetry = createTelemetry({ serviceName: 'bench', dataDirectory: bench.directory });
  const server = createRpcServer({
    services: [],
    rawServices: [
      { path: ECHO, deserialize: (bytes) => bytes, serialize: () => Buffer.alloc(0), handle: () => undefined },
    ],
    address: '127.0.0.1:0',
    telemetry,
    logger: nullLogger,
  });
  const { port } = await server.start();
  bench.defer(async () => {
    await server.stop();
    await telemetry.shutdown();
  });
  return `127.0.0.1:${port}`;
}
