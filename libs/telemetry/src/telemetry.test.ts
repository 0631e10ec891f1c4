import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { trace } from '@opentelemetry/api';
import type { Telemetry } from './index.ts';
import { contextFromHeaders, createTelemetry, injectTraceparent, listTraces, readTrace, withSpan } from './index.ts';

let directory: string;
const started: Telemetry[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-telemetry-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((t) => t.shutdown()));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function start(serviceName: string, logFile?: string): Telemetry {
  const telemetry = createTelemetry({
    serviceName,
    dataDirectory: directory,
    ...(logFile !== undefined && { log: { file: logFile } }),
  });
  started.push(telemetry);
  return telemetry;
}

test('a trace through two services of one process is kept and found again', async () => {
  const [ingestion, validation] = [start('ingestion'), start('validation')];
  let traceId = '';
  await withSpan(ingestion.tracer, 'load', { attributes: { 'millrace.pipeline_run': 'r1' } }, async (span) => {
    traceId = span.spanContext().traceId;
    const headers = injectTraceparent();
    expect(headers.traceparent).toBe(`00-${traceId}-${span.spanContext().spanId}-01`);
    await withSpan(trace.getTracer('some-library'), 'query', {}, async () => {});
    const parent = contextFromHeaders(headers);
    await expect(
      withSpan(validation.tracer, 'validate', { parent }, () => Promise.reject(new TypeError('broken'))),
    ).rejects.toThrow('broken');
  });
  await ingestion.flush();

  const spans = await readTrace(directory, traceId);
  expect(spans.map((s) => [s.name, s.service, s.status])).toEqual([
    ['load', 'ingestion', 'UNSET'],
    ['query', 'ingestion', 'UNSET'], // made by a library's tracer, it inherits the service of its parent
    ['validate', 'validation', 'ERROR'],
  ]);
  expect(spans[2]).toMatchObject({ parentSpanId: spans[0]?.spanId, attributes: { 'error.type': 'TypeError' } });
  expect(await listTraces(directory, { attributes: { 'millrace.pipeline_run': 'r1' } })).toEqual([
    expect.objectContaining({ traceId, rootName: 'load', spans: 3, errors: 1, services: ['ingestion', 'validation'] }),
  ]);
  expect(await listTraces(directory, { attributes: { 'millrace.pipeline_run': 'r2' } })).toEqual([]);
  expect(await readTrace(join(directory, 'nowhere'), traceId)).toEqual([]);
});

test('log lines carry the trace, mask secrets and write errors with their causes', async () => {
  const file = join(directory, 'log', 'one.log');
  const telemetry = start('registry', file);
  const log = telemetry.logger('store').child({ model: 'm' });
  let traceId = '';
  await withSpan(telemetry.tracer, 'work', {}, (span) => {
    traceId = span.spanContext().traceId;
    log.info('stored', { sizeBytes: 12, password: 'hunter2', nested: { token: 'x' } });
  });
  log.error('failed', { err: new Error('outer', { cause: new Error('inner') }) });
  log.debug('not written');
  await telemetry.flush();

  const text = await readFile(file, 'utf8');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({
    level: 'info',
    'service.name': 'registry',
    logger: 'store',
    message: 'stored',
    model: 'm',
    trace_id: traceId,
    password: '[masked]',
    nested: { token: '[masked]' },
  });
  expect(lines[1]).toMatchObject({ err: { message: 'outer', cause: { message: 'inner' } } });
  expect(text).not.toContain('hunter2');
});

test('metrics are Prometheus text, process metrics included', async () => {
  const telemetry = start('serving');
  telemetry.meter.createCounter('millrace.predictions').add(3, { endpoint: 'flights' });
  start('training').meter.createCounter('millrace.predictions').add(4, { endpoint: 'flights' });
  const text = await telemetry.metricsText();
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const names = series.map((line) => line.slice(0, line.lastIndexOf(' ')));
  expect(new Set(names).size).toBe(names.length); // services of one process do not write the same series twice
  const types = text.split('\n').filter((line) => line.startsWith('# TYPE'));
  expect(new Set(types).size).toBe(types.length);
  expect(text).toMatch(/^millrace_predictions_total\{[^}]*endpoint="flights"[^}]*\} 3$/m);
  expect(Number(/^process_memory_usage\S* (\d+)/m.exec(text)?.[1])).toBeGreaterThan(10_000_000);
  expect(text).toMatch(/^process_cpu_time\S*cpu_mode="user"/m);
  expect(text).toMatch(/^nodejs_eventloop_delay\S*statistic="p99"/m);
});
