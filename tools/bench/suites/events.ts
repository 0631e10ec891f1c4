import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { busMigrations, createPostgresBus, decodeEvent, emitEvent, eventsMigrations } from '@millrace/events';
import { createIdSource, systemClock } from '@millrace/kernel';
import { migrate, openDatabase, startEmbeddedPostgres } from '@millrace/postgres';
import { nullLogger } from '@millrace/telemetry';
import { quantile } from '../measure.ts';
import type { Suite } from '../suite.ts';

const WARM_UP = 50;
const SUBJECT = 'millrace.bench.v1.thing.changed';

/**
 * The time from the return of an event's commit to the start of its handler, on an idle bus: one event at a time, emitter,
 * relay and consumer in one process. Beside it an append of 8 KiB with its fdatasync on the same disk, as a commit does.
 */
const events: Suite = async (bench) => {
  const count = bench.isQuick ? 100 : 1000;
  const server = await startEmbeddedPostgres({ directory: join(bench.directory, 'postgres') });
  bench.defer(() => server.stop());
  const open = (schema: string) => openDatabase({ url: server.url, schema, applicationName: `bench ${schema}` });
  const log = open('events');
  bench.defer(() => log.close());
  const service = open('bench');
  bench.defer(() => service.close());
  await migrate(log, [busMigrations]);
  await migrate(service, [eventsMigrations]);
  const bus = createPostgresBus({ database: log, ids: createIdSource(), clock: systemClock, logger: nullLogger });
  bench.defer(() => bus.close());

  let arrived: (at: number) => void = () => {};
  await bus.startRelay(service, 'bench');
  await bus.consume({
    name: 'bench',
    database: service,
    subjects: [SUBJECT],
    handler: async (event) => {
      const at = performance.now();
      if (decodeEvent(StringValueSchema, event).value.length > 0) arrived(at);
    },
  });
  bench.progress(`${count} events, one at a time`);
  const fromCommit: number[] = [];
  for (let i = 0; i < count + WARM_UP; i++) {
    const received = new Promise<number>((resolve) => {
      arrived = resolve;
    });
    let committed = 0;
    await service.withTransaction(async (tx) => {
      await emitEvent(tx, {
        subject: SUBJECT,
        resource: `r/${i % 7}`,
        schema: StringValueSchema,
        message: { value: 'x' },
      });
      tx.afterCommit(() => {
        committed = performance.now();
      });
    });
    const at = await received;
    if (i >= WARM_UP) fromCommit.push(at - committed);
  }
  const syncs = measureFsync(join(bench.directory, 'fsync'), count);
  const work = `commit of an event → its consumer starts, ${count} events`;
  const unit = 'ms';
  bench.report({
    work,
    subject: 'millrace',
    metric: 'p50',
    value: quantile(fromCommit, 0.5),
    unit,
    target: { below: 4 },
  });
  bench.report({ work, subject: 'millrace', metric: 'p99', value: quantile(fromCommit, 0.99), unit });
  for (const [metric, q] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const)
    bench.report({ work: 'append of 8 KiB + fdatasync', subject: 'the disk', metric, value: quantile(syncs, q), unit });
};
export default events;

/** Milliseconds of each append of 8 KiB with its fdatasync. */
function measureFsync(directory: string, count: number): number[] {
  mkdirSync(directory);
  const file = openSync(join(directory, 'x'), 'w');
  const block = Buffer.alloc(8192);
  const took = Array.from({ length: count }, () => {
    const start = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    return performance.now() - start;
  });
  closeSync(file);
  return took;
}
