import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { notFound } from '@millrace/kernel';
import { createTelemetry, listTraces, nullLogger, readTrace, withSpan } from '@millrace/telemetry';
import { createRpcServer } from '../src/index.ts';
import { deferred, failureOf, telemetry as silent, startRig } from './rig.ts';

test('one trace spans client, server and further calls, and durations are counted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-rpc-'));
  const start = (serviceName: string) => createTelemetry({ serviceName, dataDirectory: directory });
  const [gateway, training, registry] = [start('gateway'), start('training'), start('registry')];
  try {
    await using back = await startRig(
      { append: () => Promise.reject(notFound('Model', 'm')) },
      { server: { telemetry: registry }, channel: { telemetry: training } },
    );
    await using front = await startRig(
      { append: (request) => back.client.append(request) },
      { server: { telemetry: training }, channel: { telemetry: gateway } },
    );
    await withSpan(gateway.tracer, 'request', {}, async () => {
      expect(await failureOf(front.client.append({}))).toMatchObject({ reason: 'MODEL_NOT_FOUND' });
    });
    await gateway.flush();
    const [trace] = await listTraces(directory);
    const spans = await readTrace(directory, trace!.traceId);
    const method = 'millrace.testing.v1.EchoService/Append';
    expect(spans.map((s) => [s.service, s.kind, s.name, s.status])).toEqual([
      ['gateway', 'INTERNAL', 'request', 'UNSET'],
      ['gateway', 'CLIENT', method, 'ERROR'],
      ['training', 'SERVER', method, 'UNSET'], // NOT_FOUND is the caller's fault
      ['training', 'CLIENT', method, 'ERROR'],
      ['registry', 'SERVER', method, 'UNSET'],
    ]);
    for (const [i, span] of spans.slice(1).entries()) expect(span.parentSpanId).toBe(spans[i]!.spanId);
    expect(spans[1]!.attributes).toMatchObject({
      'rpc.system.name': 'grpc',
      'rpc.method': method,
      'rpc.response.status_code': 'NOT_FOUND',
      'error.type': 'MODEL_NOT_FOUND',
      'server.address': '127.0.0.1',
    });
    const text = await gateway.metricsText();
    expect(text).toMatch(
      /^rpc_server_call_duration(_seconds)?_count\{[^}]*rpc_response_status_code="NOT_FOUND"[^}]*\} 1$/m,
    );
    expect(text).toMatch(/^rpc_client_call_duration(_seconds)?_count\{[^}]*\} 1$/m);
  } finally {
    await Promise.all([gateway, training, registry].map((t) => t.shutdown()));
    await rm(directory, { recursive: true, force: true });
  }
});

test('with an OTLP endpoint, spans are sent to the collector', async () => {
  const received = deferred<Buffer>();
  const collector = createRpcServer({
    services: [],
    rawServices: [
      {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        deserialize: (bytes) => bytes,
        serialize: () => Buffer.alloc(0), // an ExportTraceServiceResponse without partial success
        handle: (bytes) => received.resolve(bytes as Buffer),
      },
    ],
    address: '127.0.0.1:0',
    telemetry: silent,
    logger: nullLogger,
  });
  const { port } = await collector.start();
  const telemetry = createTelemetry({ serviceName: 'sender', otlpEndpoint: `http://127.0.0.1:${port}` });
  await withSpan(telemetry.tracer, 'span-to-collect', {}, () => {});
  await telemetry.flush();
  const bytes = await received.promise;
  for (const text of ['span-to-collect', 'sender', 'millrace']) expect(bytes.includes(text)).toBe(true);
  await telemetry.shutdown();
  await collector.stop();
});
