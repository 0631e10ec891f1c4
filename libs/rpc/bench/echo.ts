/**
 * Measures calls over loopback, client and server in one process, traced into a span file as services are:
 * `node libs/rpc/bench/echo.ts [--json] [--calls N]`. Each line: what, value, unit, target.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { EchoService } from '@millrace/contracts/millrace/testing/v1/echo_service';
import { createTelemetry, nullLogger } from '@millrace/telemetry';
import { createChannel, createClient, createRpcServer, implement } from '../src/index.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean' }, calls: { type: 'string', default: '5000' } } });
const calls = Number(values.calls);
const PAYLOAD_BYTES = 64 * 1024;

const directory = await mkdtemp(join(tmpdir(), 'millrace-rpc-bench-'));
const telemetry = createTelemetry({ serviceName: 'bench', dataDirectory: directory });
const server = createRpcServer({
  services: [
    implement(EchoService, {
      echo: ({ text }) => ({ text }),
      async *count({ count, payloadBytes }) {
        const payload = new Uint8Array(payloadBytes);
        for (let index = 0; index < count; index++) yield { index, payload };
      },
    }),
  ],
  address: '127.0.0.1:0',
  telemetry,
  logger: nullLogger,
});
const { port } = await server.start();
const channel = createChannel({ address: `127.0.0.1:${port}`, telemetry });
const client = createClient(EchoService, channel);

async function unary(concurrency: number): Promise<{ p50: number; p99: number; perSecond: number }> {
  const latencies: number[] = [];
  const started = performance.now();
  const worker = async () => {
    for (let i = 0; i < calls / concurrency; i++) {
      const begun = performance.now();
      await client.echo({ text: 'hello' });
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (q: number) => latencies[Math.floor(q * (latencies.length - 1))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), perSecond: latencies.length / seconds };
}

async function stream(count: number): Promise<number> {
  const started = performance.now();
  for await (const _ of client.count({ count, payloadBytes: PAYLOAD_BYTES }));
  return (count * PAYLOAD_BYTES) / 2 ** 20 / ((performance.now() - started) / 1000);
}

/** The same unary call by grpc-js alone: the floor of this machine at this moment. */
async function bareP50(): Promise<number> {
  const identity = (bytes: Buffer) => bytes;
  const bare = new grpc.Server();
  const handle: grpc.handleUnaryCall<Buffer, Buffer> = (call, done) => done(null, call.request);
  bare.register('/bare.Echo/Echo', handle as grpc.UntypedHandleCall, identity, identity, 'unary');
  const barePort = await new Promise<number>((resolve, reject) => {
    const insecure = grpc.ServerCredentials.createInsecure();
    bare.bindAsync('127.0.0.1:0', insecure, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const caller = new grpc.Client(`127.0.0.1:${barePort}`, grpc.credentials.createInsecure());
  const latencies: number[] = [];
  for (let i = 0; i < calls * 2; i++) {
    const begun = performance.now();
    await new Promise<void>((resolve, reject) => {
      const options = { deadline: Date.now() + 30_000 };
      const done = (error: Error | null) => (error ? reject(error) : resolve());
      caller.makeUnaryRequest('/bare.Echo/Echo', identity, identity, Buffer.from('hello'), options, done);
    });
    if (i >= calls) latencies.push(performance.now() - begun);
  }
  caller.close();
  bare.forceShutdown();
  return latencies.sort((a, b) => a - b)[latencies.length >> 1] ?? 0;
}

function report(work: string, metric: string, value: number, unit: string, target?: number): void {
  const ok = target === undefined ? undefined : value < target;
  if (values.json) {
    console.log(JSON.stringify({ area: 'rpc', work, subject: 'millrace', metric, value, unit, target, ok }));
  } else console.log(`${work.padEnd(24)} ${metric.padEnd(12)} ${value.toFixed(3)} ${unit}`);
}

try {
  report('unary echo, bare grpc-js', 'p50', await bareP50(), 'ms');
  await unary(1);
  const one = await unary(1);
  report('unary echo, 1 caller', 'p50', one.p50, 'ms', 0.5);
  report('unary echo, 1 caller', 'p99', one.p99, 'ms');
  const many = await unary(32);
  report('unary echo, 32 callers', 'throughput', many.perSecond, 'calls/s');
  report('stream of 64 KiB', 'throughput', await stream(Math.max(100, calls)), 'MiB/s');
} finally {
  channel.close();
  await server.stop();
  await telemetry.shutdown();
  await rm(directory, { recursive: true, force: true });
}
