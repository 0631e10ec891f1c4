/**
 * Measures `ModelInfer` over gRPC with a model like the example's (100 trees, 31 leaves, 12 inputs), beside an empty echo on
 * grpc-js with the same messages. Server and clients are on the same cores, clients in a process of their own.
 *
 *   node apps/serving/bench/infer.ts [--quick]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { ModelInferRequestSchema } from '@millrace/contracts/inference/inference';
import { createRng } from '@millrace/kernel';
import { fitPipeline, frameOf } from '@millrace/learning';
import { startEmbeddedPostgres } from '@millrace/postgres';
import { createRpcServer } from '@millrace/rpc';
import { temporaryDirectory } from '@millrace/testing';
import { ENDPOINT, float32, startRig, texts } from '../test/rig.ts';

const seconds = process.argv.includes('--quick') ? 1 : 4;
const numeric = Array.from({ length: 10 }, (_, i) => `f${i}`);
const rng = createRng(1);
const rows = 4000;
const columns: Record<string, (number | string)[]> = Object.fromEntries(
  numeric.map((name) => [name, Array.from({ length: rows }, () => rng.next())]),
);
columns.origin = Array.from({ length: rows }, () => `A${rng.nextInt(50)}`);
columns.destination = Array.from({ length: rows }, () => `A${rng.nextInt(50)}`);
const labels = Float64Array.from({ length: rows }, (_, i) => ((columns.f0![i] as number) + rng.next() > 1 ? 1 : 0));
const model = await fitPipeline(frameOf(columns), labels, {
  task: 'binary',
  estimator: { kind: 'gradient_boosting' },
  seed: 1,
});

await using directory = await temporaryDirectory();
const postgres = await startEmbeddedPostgres({ directory: join(directory.path, 'postgres') });
process.env.MILLRACE_TEST_POSTGRES_URL = postgres.url;
const rig = await startRig();
await rig.createEndpoint();
await rig.deploy(await rig.register(1, model.exportOnnx(), ''));
const shape = [1n, 1n];
const request = create(ModelInferRequestSchema, {
  modelName: 'flights',
  inputs: [
    ...numeric.map((name) => ({ name, datatype: 'FP32', shape })),
    ...['origin', 'destination'].map((name) => ({ name, datatype: 'BYTES', shape })),
  ],
  rawInputContents: [...numeric.map((_, i) => float32([i / 10])), texts(['A3']), texts(['A7'])],
});
const bytes = Buffer.from(toBinary(ModelInferRequestSchema, request));
const telemetry = rig.platform.platform.telemetry('bench');
const echo = createRpcServer({
  services: [],
  rawServices: [
    {
      path: '/bench.Echo/Echo',
      deserialize: (b) => b,
      serialize: () => Buffer.alloc(0),
      handle: () => undefined,
    },
  ],
  address: '127.0.0.1:0',
  telemetry,
  logger: telemetry.logger('bench'),
});
const { port } = await echo.start();
const subjects = {
  'serving, all inputs raw': [rig.platform.address, '/inference.GRPCInferenceService/ModelInfer'],
  'empty echo on libs/rpc': [`127.0.0.1:${port}`, '/bench.Echo/Echo'],
} as const;
// The first round warms the code up and is not printed.
for (const clients of [0, 1, 8, 64]) {
  for (const [subject, [address, path]] of Object.entries(subjects)) {
    const child = spawn(
      process.execPath,
      ['--no-warnings', join(import.meta.dirname, 'load.ts'), address, path, String(clients || 64), String(seconds)],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    child.stdin.end(bytes);
    const before = process.cpuUsage();
    let text = '';
    child.stdout.on('data', (part) => {
      text += part;
    });
    await once(child, 'close');
    const { user, system } = process.cpuUsage(before);
    const { all, ...figures } = JSON.parse(text) as { all: number };
    if (clients === 0) continue;
    console.log(
      JSON.stringify({ area: 'serving', subject, ...figures, serverCpuUs: Math.round((user + system) / all) }),
    );
  }
}
const { stats } = await rig.serving.getEndpointStats({ endpoint: ENDPOINT });
console.log(JSON.stringify(stats, (_, v) => (typeof v === 'bigint' ? Number(v) : v)));
await echo.stop();
await rig.stop();
await postgres.stop();
