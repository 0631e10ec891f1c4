import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createIdSource, systemClock } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import { migrate, openDatabase } from '@millrace/postgres';
import { createTelemetry, nullLogger } from '@millrace/telemetry';
import type { TestDatabase } from '@millrace/testing';
import { createTestDatabase, waitFor } from '@millrace/testing';
import { trace } from '@opentelemetry/api';
import type { EventBus } from './index.ts';
import { busMigrations, createPostgresBus, emitEvent, eventsMigrations } from './index.ts';

const SUBJECT = 'millrace.service.v1.thing.changed';
let log: TestDatabase;
let service: Database;
const buses: EventBus[] = [];

beforeAll(async () => {
  log = await createTestDatabase({ schema: 'events', migrations: [busMigrations] });
  service = openDatabase({ url: log.url, schema: 'service', applicationName: 'service' });
  await migrate(service, [eventsMigrations]);
});
afterEach(async () => {
  await Promise.all(buses.splice(0).map((bus) => bus.close()));
  await log.database.execute('delete from consumer');
});
afterAll(async () => {
  await service.close();
  await log.drop();
});

const createBus = (retention?: { minAgeMs?: number; maxAgeMs?: number }) => {
  const bus = createPostgresBus({
    database: log.database,
    ids: createIdSource(),
    clock: systemClock,
    logger: nullLogger,
    ...(retention ? { retention } : {}),
  });
  buses.push(bus);
  return bus;
};
const emit = (value: string) =>
  service.withTransaction((tx) =>
    emitEvent(tx, { subject: SUBJECT, resource: 'r', schema: StringValueSchema, message: { value } }),
  );
const logged = async () => (await log.database.query('select 1 from log')).length;

test('the log is trimmed behind the slowest consumer, and by age whoever still waits', async () => {
  const bus = createBus({ minAgeMs: 0 });
  const options = { database: service, subjects: ['millrace.>'], handler: async () => {} };
  await (await bus.consume({ ...options, name: 'slow' })).stop();
  await bus.startRelay(service, 'service');
  await bus.consume({ ...options, name: 'quick' });
  await emit('1');
  await emit('2');
  await waitFor(async () => (await logged()) === 2);
  await waitFor(async () => (await bus.stats()).consumers.find(({ name }) => name === 'quick')?.lag === 0);
  expect(await bus.trim()).toBe(0);
  expect((await bus.stats()).consumers.find(({ name }) => name === 'slow')).toMatchObject({ lag: 2, delivered: 0 });

  const slow = await bus.consume({ ...options, name: 'slow' });
  await waitFor(async () => (await bus.stats()).consumers.every(({ lag }) => lag === 0));
  await slow.stop();
  expect(await bus.trim()).toBe(2);

  await emit('3');
  await waitFor(async () => (await logged()) === 1);
  const strict = createBus({ minAgeMs: 0, maxAgeMs: 0 });
  expect(await strict.trim()).toBe(1);
});

test('attempts are counted on after a restart, and the next one waits for its time', async () => {
  const attempts: number[] = [];
  const options = {
    name: 'restarted',
    database: service,
    subjects: [SUBJECT],
    maxAttempts: 3,
    backoffMs: [200],
    startAt: 'now' as const,
    handler: async ({ attempt }: { attempt: number }) => {
      attempts.push(attempt);
      throw new Error('no');
    },
  };
  const first = createBus();
  await first.startRelay(service, 'service');
  await first.consume(options);
  await emit('doomed');
  await waitFor(async () => (await log.database.query('select 1 from failure')).length === 1);
  await first.close();
  const second = createBus();
  await second.consume(options);
  await waitFor(async () => (await second.listParked('restarted')).length === 1);
  expect(attempts).toEqual([1, 2, 3]);
});

test('the trace of the emitter goes on in the handler', async () => {
  const telemetry = createTelemetry({ serviceName: 'test', log: { level: 'silent' } });
  const bus = createBus();
  await bus.startRelay(service, 'service');
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const handler = async () => resolve(trace.getActiveSpan()?.spanContext().traceId);
  await bus.consume({ name: 'traced', database: service, subjects: [SUBJECT], startAt: 'now', handler });
  const emitted = await telemetry.tracer.startActiveSpan('request', async (span) => {
    await emit('traced');
    span.end();
    return span.spanContext().traceId;
  });
  expect(emitted).toMatch(/^[0-9a-f]{32}$/);
  expect(await promise).toBe(emitted);
  await telemetry.shutdown();
});
