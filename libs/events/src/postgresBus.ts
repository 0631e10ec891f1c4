import { join } from 'node:path';
import type { Clock, IdSource } from '@millrace/kernel';
import { notFound } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import type { Logger } from '@millrace/telemetry';
import { withoutTracing } from '@millrace/telemetry';
import { checkConsumeOptions } from './consumeOptions.ts';
import { Consumer } from './consumer.ts';
import { SessionLocks } from './locks.ts';
import { BusMetrics } from './metrics.ts';
import { Relay } from './relay.ts';
import { listParkedEvents, readLags, requestReplay, trimLog } from './store.ts';
import type { EventBus, Running } from './types.ts';
import { Wake } from './wake.ts';

const DAY_MS = 86_400_000;
const MIN_AGE_DEFAULT_MS = DAY_MS;
const MAX_AGE_DEFAULT_MS = 30 * DAY_MS;
/** Trimming and the lag metric, in milliseconds. */
const MAINTENANCE_EVERY_MS = 60_000;

/** Outbox and inbox, for each service's schema. */
export const eventsMigrations = {
  name: 'events',
  directory: join(import.meta.dirname, '../migrations/events'),
} as const;
/** The postgres bus's own schema. */
export const busMigrations = { name: 'bus', directory: join(import.meta.dirname, '../migrations/bus') } as const;

/** What a postgres bus is made of. */
export interface PostgresBusOptions {
  /** Its schema is the bus's own (see `busMigrations`), by custom `events`. One connection is held while relays or consumers run. */
  readonly database: Database;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the log keeps events. */
  readonly retention?: {
    /** An event stays at least this long, and until every consumer has passed it. Default one day. */
    readonly minAgeMs?: number;
    /** No event stays longer, even if a consumer has not seen it. Default 30 days. */
    readonly maxAgeMs?: number;
  };
}

/** The event bus in PostgreSQL. */
export interface PostgresBus extends EventBus {
  /** Trims the log now (it happens each minute); gives the number of events removed, at most 10,000. */
  trim(): Promise<number>;
}

/**
 * Makes an event bus whose log is a table in PostgreSQL, with durable positions and LISTEN/NOTIFY. A commit wakes the
 * relay, the relay's commit wakes the consumers: nothing polls. Positions are given under a lock that is held until the
 * commit, so a reader that has seen a position has seen all below it.
 */
export function createPostgresBus(options: PostgresBusOptions): PostgresBus {
  const { database: bus, logger } = options;
  const metrics = new BusMetrics(options.clock);
  const locks = new SessionLocks(bus, logger);
  const minAgeMs = options.retention?.minAgeMs ?? MIN_AGE_DEFAULT_MS;
  const maxAgeMs = options.retention?.maxAgeMs ?? MAX_AGE_DEFAULT_MS;
  const running = new Set<Running>();
  const trim = () => withoutTracing(() => trimLog(bus, minAgeMs, maxAgeMs));
  let maintenance: Running | undefined;

  const track = <T extends Running & { start(): Promise<void> }>(worker: T) => start(worker, running);
  const ensureMaintenance = () => {
    maintenance ??= startMaintenance(async () => {
      await trim();
      metrics.setLags(await readLags(bus));
    }, logger);
  };

  return {
    async startRelay(database, service) {
      ensureMaintenance();
      const onPublished = (count: number) => metrics.addPublished(count, { service });
      return await track(new Relay({ bus, locks, logger, onPublished }, database));
    },
    async consume(consumeOptions) {
      const checked = checkConsumeOptions(consumeOptions);
      ensureMaintenance();
      const inboxRetentionMs = maxAgeMs + DAY_MS;
      const deps = { bus, locks, logger, metrics: metrics.forConsumer(checked.name), inboxRetentionMs };
      return await track(new Consumer(deps, checked));
    },
    async stats() {
      const lags = await readLags(bus);
      const consumers = lags.map(({ name, lag, oldest_age_ms: oldestAgeMs }) => ({
        name,
        ...metrics.countsOf(name),
        lag,
        oldestAgeMs,
      }));
      return { published: metrics.published, consumers };
    },
    listParked: (consumer) => listParkedEvents(bus, consumer),
    async replayParked(consumer, eventId) {
      if (!(await requestReplay(bus, consumer, eventId))) throw notFound('ParkedEvent', `${consumer}/${eventId}`);
    },
    trim,
    async close() {
      await Promise.all([...running].map((worker) => worker.stop()));
      await maintenance?.stop();
      await locks.idle();
    },
  };
}

async function start(worker: Running & { start(): Promise<void> }, running: Set<Running>): Promise<Running> {
  let stopping: Promise<void> | undefined;
  const handle: Running = {
    stop() {
      stopping ??= worker.stop().finally(() => running.delete(handle));
      return stopping;
    },
  };
  running.add(handle);
  try {
    await worker.start();
    return handle;
  } catch (error) {
    running.delete(handle);
    throw error;
  }
}

function startMaintenance(work: () => Promise<void>, logger: Logger): Running {
  const stopped = new AbortController();
  const wake = new Wake();
  const loop = async () => {
    while (!stopped.signal.aborted) {
      await work().catch((error) => logger.warn('maintenance of the event log failed', { err: error }));
      await wake.wait(MAINTENANCE_EVERY_MS);
    }
  };
  const done = withoutTracing(loop);
  return {
    async stop() {
      stopped.abort();
      wake.wake();
      await done;
    },
  };
}
