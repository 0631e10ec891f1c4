import type { Database, Queryable } from '@millrace/postgres';
import type { DeliveryError, ParkedEvent } from './types.ts';

/** Most events read at a time, and most bytes of their data (a single larger event is read all the same). */
const READ_EVENTS_MAX = 200;
const READ_BYTES_MAX = 8 * 1024 * 1024;
const PARKED_LIST_MAX = 1000;

/** An event as the log and the parked table hold it. */
export interface LoggedEvent {
  readonly position: number;
  readonly id: string;
  readonly subject: string;
  readonly resource: string;
  readonly time: Date;
  readonly headers: Record<string, string>;
  readonly data: Buffer;
}

/** Makes the consumer's row when it is new. */
export async function registerConsumer(
  q: Queryable,
  name: string,
  regexes: readonly string[],
  startAt: 'beginning' | 'now',
): Promise<void> {
  await q.execute(
    `insert into consumer (name, position, subject_regexes)
     values ($1, case when $3 then coalesce((select max(position) from log), 0) else 0 end, $2)
     on conflict (name) do update set subject_regexes = excluded.subject_regexes`,
    [name, regexes, startAt === 'now'],
  );
}

/** What an active consumer starts from. */
export interface ConsumerState {
  readonly position: number;
  /** Failed deliveries so far, and the wait before the next one, by event id. */
  readonly failures: Map<string, { readonly attempt: number; readonly delayMs: number }>;
  /** Ids of parked events beyond the position. */
  readonly parkedIds: Set<string>;
}

/** Reads where the consumer stands. */
export async function loadConsumer(q: Queryable, name: string): Promise<ConsumerState> {
  const { position } = await q.one<{ position: number }>('select position from consumer where name = $1', [name]);
  const failures = await q.query<{ event_id: string; attempt: number; delay_ms: number }>(
    `select event_id, attempt, greatest(0, extract(epoch from next_time - now()) * 1000)::float8 delay_ms
     from failure where consumer = $1`,
    [name],
  );
  const parked = await q.query<{ event_id: string }>(
    'select event_id from parked where consumer = $1 and position > $2',
    [name, position],
  );
  return {
    position,
    failures: new Map(failures.map((f) => [f.event_id, { attempt: f.attempt, delayMs: f.delay_ms }])),
    parkedIds: new Set(parked.map((p) => p.event_id)),
  };
}

/** A piece of the log, for one consumer. */
export interface LogBatch {
  readonly events: LoggedEvent[];
  /** All positions up to here have been looked at. */
  readonly readTo: number;
  /** Whether the log may hold more that can be read at once. */
  readonly isFull: boolean;
}

/** The next events after `position` whose subject matches, in order. */
export async function readLog(q: Queryable, position: number, regexes: readonly string[]): Promise<LogBatch> {
  type Row = { head: number; total: number | null; position: number | null } & Omit<LoggedEvent, 'position'>;
  const rows = await q.query<Row>(
    `select head, total, position, id, subject, resource, time, headers, data from read_log($1, $2, $3, $4)
     order by position`,
    [position, regexes, READ_EVENTS_MAX, READ_BYTES_MAX],
  );
  const events = rows.filter((row) => row.position !== null) as (Row & LoggedEvent)[];
  const isFull = events.length === READ_EVENTS_MAX || events.length < (rows[0]?.total ?? 0);
  const readTo = isFull ? (events.at(-1)?.position ?? position) : Math.max(position, rows[0]?.head ?? 0);
  return { events, readTo, isFull };
}

/** Moves the durable position forward. The commit does not wait for the disk: the inbox protects the effects. */
export async function savePosition(database: Database, name: string, position: number): Promise<void> {
  await database.query(
    `with lazily as materialized (select set_config('synchronous_commit', 'off', true))
     update consumer set position = $2, updated_at = now() from lazily where name = $1 and position < $2`,
    [name, position],
  );
}

/** Records a failed delivery that will be repeated. */
export async function saveFailure(
  q: Queryable,
  consumer: string,
  failure: { eventId: string; attempt: number; delayMs: number; error: DeliveryError },
): Promise<void> {
  await q.execute(
    `insert into failure (consumer, event_id, attempt, next_time, error)
     values ($1, $2, $3, now() + make_interval(secs => $4::float8 / 1000), $5)
     on conflict (consumer, event_id) do update
     set attempt = excluded.attempt, next_time = excluded.next_time, error = excluded.error`,
    [consumer, failure.eventId, failure.attempt, failure.delayMs, failure.error],
  );
}

/** Forgets what was recorded of the failures of an event, and that it was parked: it has been handled. */
export async function clearFailure(q: Queryable, consumer: string, eventId: string): Promise<void> {
  await q.execute(
    `with gone as (delete from failure where consumer = $1 and event_id = $2)
     delete from parked where consumer = $1 and event_id = $2`,
    [consumer, eventId],
  );
}

/** Puts an event aside with its error. */
export async function parkEvent(
  q: Queryable,
  consumer: string,
  event: LoggedEvent,
  attempt: number,
  error: DeliveryError,
): Promise<void> {
  await q.execute(
    `with gone as (delete from failure where consumer = $1 and event_id = $2)
     insert into parked (consumer, event_id, position, subject, resource, time, headers, data, attempt, error)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (consumer, event_id) do update
     set attempt = excluded.attempt, error = excluded.error, parked_at = now(), replay_requested_at = null`,
    [
      consumer,
      event.id,
      event.position,
      event.subject,
      event.resource,
      event.time,
      event.headers,
      event.data,
      attempt,
      error,
    ],
  );
}

/** Parked events whose replay was asked for, in the order of the log. */
export function readReplays(q: Queryable, consumer: string): Promise<LoggedEvent[]> {
  return q.query<LoggedEvent & object>(
    `select position, event_id id, subject, resource, time, headers, data from parked
     where consumer = $1 and replay_requested_at is not null order by position limit $2`,
    [consumer, READ_EVENTS_MAX],
  );
}

/** Asks for the replay of a parked event and wakes the consumer; false when it is not parked. */
export async function requestReplay(database: Database, consumer: string, eventId: string): Promise<boolean> {
  const rows = await database.query(
    `with asked as (
       update parked set replay_requested_at = now() where consumer = $1 and event_id = $2 returning 1
     )
     select pg_notify(current_schema() || '_log', 'replay ' || $1::text) from asked`,
    [consumer, eventId],
  );
  return rows.length > 0;
}

/** Parked events, oldest first. */
export async function listParkedEvents(q: Queryable, consumer: string | undefined): Promise<ParkedEvent[]> {
  type Row = LoggedEvent & { consumer: string; attempt: number; error: DeliveryError; parked_at: Date };
  const rows = await q.query<Row>(
    `select consumer, position, event_id id, subject, resource, time, headers, data, attempt, error, parked_at
     from parked where $1::text is null or consumer = $1 order by parked_at, position limit $2`,
    [consumer ?? null, PARKED_LIST_MAX],
  );
  return rows.map(({ consumer: name, error, parked_at: parkedTime, position: _, ...event }) => ({
    consumer: name,
    event,
    error,
    parkedTime,
  }));
}

/** How far each consumer is behind. */
export function readLags(q: Queryable): Promise<{ name: string; lag: number; oldest_age_ms: number }[]> {
  return q.query(
    `select c.name, count(l.position) lag,
       coalesce(extract(epoch from now() - min(l.appended_at)) * 1000, 0)::float8 oldest_age_ms
     from consumer c left join log l on l.position > c.position and l.subject ~ any(c.subject_regexes)
     group by c.name order by c.name`,
  );
}

/**
 * Removes from the log what is older than `minAgeMs` and behind every consumer, and what is older than `maxAgeMs`
 * whoever still wants it. Gives the number of events removed; at most 10,000 a call.
 */
export function trimLog(q: Queryable, minAgeMs: number, maxAgeMs: number): Promise<number> {
  return q.execute(
    `delete from log where position in (
       select position from log
       where (appended_at < now() - make_interval(secs => $1::float8 / 1000)
              and position <= (select coalesce(min(position), 9223372036854775807) from consumer))
          or appended_at < now() - make_interval(secs => $2::float8 / 1000)
       order by position limit 10000)`,
    [minAgeMs, maxAgeMs],
  );
}

/** Forgets events of a consumer's inbox that were handled longer ago; at most 10,000 a call. */
export function trimInbox(q: Queryable, consumer: string, olderThanMs: number): Promise<number> {
  return q.execute(
    `delete from inbox where (consumer, event_id) in (
       select consumer, event_id from inbox
       where consumer = $1 and handled_at < now() - make_interval(secs => $2::float8 / 1000) limit 10000)`,
    [consumer, olderThanMs],
  );
}
