import { fromJson } from '@bufbuild/protobuf';
import { PipelineSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { Database } from '@millrace/postgres';
import type { Logger } from '@millrace/telemetry';
import { withoutTracing } from '@millrace/telemetry';
import { createScheduledRun } from './calendars.ts';
import { nextTick, parseCron, ticksToRun } from './domain/cron.ts';
import type { EngineDeps } from './engine/engine.ts';
import { lockDueCron, nextCronTime, saveNextTime } from './store/clocks.ts';
import { getPipeline } from './store/pipelines.ts';

const CATCH_UP_DEFAULT = 1;
/** The clock is looked at this often at least, in milliseconds: it may be set. */
const SLEEP_MAX_MS = 60_000;
const RETRY_MS = 1000;

/** Begins the runs of cron schedules. */
export interface Scheduler {
  /** Stops looking; waits for a tick that is under way. */
  stop(): Promise<void>;
}

/** Handles every cron schedule that is due now, one transaction each; gives the names of the runs that it began. */
export async function tick(database: Database, deps: EngineDeps): Promise<string[]> {
  const begun: string[] = [];
  for (;;) {
    const runs = await database.withTransaction((tx) => tickOne(tx, deps));
    if (!runs) return begun;
    begun.push(...runs);
  }
}

async function tickOne(tx: Parameters<typeof lockDueCron>[0], deps: EngineDeps): Promise<string[] | undefined> {
  const now = deps.clock.now();
  const due = await lockDueCron(tx, now);
  if (!due) return undefined;
  const cron = parseCron(due.cron, due.timeZone);
  const row = await getPipeline(tx, due.pipeline);
  const begun: string[] = [];
  if (row) {
    const { schedules } = fromJson(PipelineSchema, row.definition as never);
    const catchUpMax = schedules.find(({ id }) => id === due.schedule)?.catchUpMax ?? CATCH_UP_DEFAULT;
    for (const time of ticksToRun(cron, due.nextAt, now, catchUpMax)) {
      const { name, isNew } = await createScheduledRun(tx, deps, row, due.schedule, time);
      if (isNew) begun.push(name);
    }
  }
  const nextAt = nextTick(cron, now) ?? new Date(8.64e15);
  await saveNextTime(tx, due.pipeline, due.schedule, nextAt);
  return begun;
}

/** Sleeps until the next schedule is due, or until schedules change, over and over. Any number of processes may do so. */
export async function startScheduler(database: Database, deps: EngineDeps, logger: Logger): Promise<Scheduler> {
  let isStopped = false;
  let wake = () => {};
  let isWoken = false;
  const onChange = () => {
    isWoken = true;
    wake();
  };
  const subscription = await database.listen(`${database.schema}_schedules`, onChange);
  const loop = withoutTracing(async () => {
    while (!isStopped) {
      isWoken = false;
      const waitMs = await tickSafely(database, deps, logger);
      if (isWoken || isStopped) continue;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const timer = setTimeout(resolve, waitMs);
      await promise;
      clearTimeout(timer);
    }
  });
  return {
    async stop() {
      isStopped = true;
      await subscription.close();
      wake();
      await loop;
    },
  };
}

/** Gives how long to wait, in milliseconds. */
async function tickSafely(database: Database, deps: EngineDeps, logger: Logger): Promise<number> {
  try {
    await tick(database, deps);
    const next = await nextCronTime(database);
    if (!next) return SLEEP_MAX_MS;
    return Math.min(SLEEP_MAX_MS, Math.max(1, next.getTime() - deps.clock.now().getTime()));
  } catch (err) {
    logger.error('Schedules could not be looked at; trying again.', { err });
    return RETRY_MS;
  }
}
