import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { SpanFile, spanFileNames } from './span-file.ts';
import { listTraces, readTrace } from './trace-reader.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-spans-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const tracer = new TracerProvider().getTracer('test');

function finishedSpan(name: string): ReadableSpan {
  const span = tracer.startSpan(name);
  span.end();
  return span as unknown as ReadableSpan;
}

test('a span that ends after the file was closed does not bring a removed directory back', async () => {
  const traces = join(directory, 'traces');
  const file = new SpanFile(traces);
  file.add(finishedSpan('in time'));
  await file.close();
  await rm(traces, { recursive: true });
  file.add(finishedSpan('late'));
  await file.flush();
  expect(await spanFileNames(traces)).toEqual([]);
  expect(file.dropped).toBe(1);
});

test('the files together stay within the bound, and the oldest spans go first', async () => {
  const traces = join(directory, 'traces');
  const file = new SpanFile(traces, { totalBytesMax: 8000, fileBytesMax: 2000 });
  const spans = Array.from({ length: 100 }, (_, i) => finishedSpan(`span-${i}`));
  for (const span of spans) {
    file.add(span);
    await file.flush();
  }
  await file.close();
  const sizes = await Promise.all((await spanFileNames(traces)).map(async (n) => (await stat(join(traces, n))).size));
  expect(sizes.length).toBeGreaterThan(1);
  expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(8000);
  expect(await readTrace(directory, spans[0]!.spanContext().traceId)).toEqual([]);
  expect(await readTrace(directory, spans[99]!.spanContext().traceId)).toHaveLength(1);
  expect(file.dropped).toBe(0);
});

test('a full queue and a refusing disk lose spans, count them and throw nothing', async () => {
  const full = new SpanFile(join(directory, 'traces'), { queueMax: 2 });
  for (let i = 0; i < 5; i++) full.add(finishedSpan('x'));
  expect(full.dropped).toBe(3);
  await full.close();
  expect(await listTraces(directory)).toHaveLength(2);

  await writeFile(join(directory, 'file'), '');
  const refused = new SpanFile(join(directory, 'file', 'traces'));
  refused.add(finishedSpan('y'));
  await refused.close();
  expect(refused.dropped).toBe(1);
});

test('a line cut short by a crash is passed over', async () => {
  const file = new SpanFile(join(directory, 'traces'));
  file.add(finishedSpan('whole'));
  await file.close();
  const [name] = await spanFileNames(join(directory, 'traces'));
  await writeFile(join(directory, 'traces', name!), '{"traceId":"ab', { flag: 'a' });
  expect((await listTraces(directory)).map((t) => t.rootName)).toEqual(['whole']);
});
