/**
 * Measures the time from the return of an event's commit to the start of its handler, and an fdatasync of this disk
 * beside it: `MILLRACE_TEST_POSTGRES_URL=… node libs/events/test/latency.ts [events]`. Prints one line of JSON.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { createIdSource, systemClock } from '@millrace/kernel';
import { migrate, openDatabase } from '@millrace/postgres';
import { nullLogger } from '@millrace/telemetry';
import { createTestDatabase } from '@millrace/testing';
import { busMigrations, createPostgresBus, decodeEvent, emitEvent, eventsMigrations } from '../src/index.ts';

const WARM_UP = 50;
const events = Number(process.argv[2] ?? 500);
const subject = 'millrace.bench.v1.thing.changed';

await using log = await createTestDatabase({ schema: 'events', migrations: [busMigrations] });
const service = openDatabase({ url: log.url, schema: 'bench', applicationName: 'bench' });
await migrate(service, [eventsMigrations]);
const bus = createPostgresBus({
  database: log.database,
  ids: createIdSource(),
  clock: systemClock,
  logger: nullLogger,
});

let arrived: (at: number) => void = () => {};
await bus.startRelay(service, 'bench');
await bus.consume({
  name: 'bench',
  database: service,
  subjects: [subject],
  handler: async (event) => {
    const at = performance.now();
    if (decodeEvent(StringValueSchema, event).value.length > 0) arrived(at);
  },
});

const fromCommit: number[] = [];
const fromBegin: number[] = [];
for (let i = 0; i < events + WARM_UP; i++) {
  const received = new Promise<number>((resolve) => {
    arrived = resolve;
  });
  const begun = performance.now();
  let committed = 0;
  await service.withTransaction(async (tx) => {
    await emitEvent(tx, { subject, resource: `r/${i % 7}`, schema: StringValueSchema, message: { value: 'x' } });
    tx.afterCommit(() => {
      committed = performance.now();
    });
  });
  const at = await received;
  if (i < WARM_UP) continue;
  fromCommit.push(at - committed);
  fromBegin.push(at - begun);
}
await bus.close();
await service.close();

const quantile = (values: number[], q: number) =>
  Number((values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? Number.NaN).toFixed(2));
const summary = (values: number[]) => ({ p50: quantile(values, 0.5), p99: quantile(values, 0.99) });
console.log(
  JSON.stringify({
    events,
    unit: 'ms',
    commitToHandler: summary(fromCommit),
    beginToHandler: summary(fromBegin),
    fdatasync: summary(measureFsync()),
  }),
);

/** An append of 8 KiB and its fdatasync, as a commit does. */
function measureFsync(): number[] {
  const directory = mkdtempSync(join(import.meta.dirname, 'fsync-'));
  const file = openSync(join(directory, 'x'), 'w');
  const block = Buffer.alloc(8192);
  const took = Array.from({ length: 200 }, () => {
    const start = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    return performance.now() - start;
  });
  closeSync(file);
  rmSync(directory, { recursive: true });
  return took;
}
