import type { Database, Queryable, Tx } from '@millrace/postgres';
import type { JobError, JobFilter, JobProgress, JobRow, JobState } from './types.ts';

const LIST_DEFAULT = 100;
const LIST_MAX = 1000;

/** A job that this worker has claimed. */
export interface ClaimedJob {
  readonly id: string;
  readonly kind: string;
  readonly resource: string;
  readonly payload: unknown;
  readonly attempt: number;
  readonly maxAttempts: number;
  /** The number of this claim; see {@link lockFenced}. */
  readonly fence: number;
  readonly isCancelRequested: boolean;
  /** Whether an earlier worker lost its lease. */
  readonly wasAbandoned: boolean;
  /** Until the deadline; null when there is none. */
  readonly remainingMs: number | null;
  readonly headers: Record<string, string>;
}

/** Claims the next due job of a kind: one that is pending, or one whose worker let its lease run out. */
export async function claimJob(
  database: Database,
  kind: string,
  worker: string,
  leaseMs: number,
): Promise<ClaimedJob | undefined> {
  // The commit does not wait for the disk: losing a claim in a crash of the server loses nothing.
  return await database.maybeOne<ClaimedJob>(
    `with next as materialized (
       select id, state from jobs
       where kind = $1 and ((state = 'PENDING' and run_at <= now()) or (state = 'RUNNING' and lease_until < now()))
       order by run_at, id limit 1 for update skip locked
     )
     update jobs set state = 'RUNNING', attempt = attempt + 1, fence = fence + 1, worker = $2,
       lease_until = now() + make_interval(secs => $3::float8 / 1000),
       started_at = coalesce(started_at, now()), updated_at = now()
     from next where jobs.id = next.id and set_config('synchronous_commit', 'off', true) is not null
     returning jobs.id, kind, resource, payload, attempt, max_attempts "maxAttempts", fence,
       cancel_requested_at is not null "isCancelRequested", next.state = 'RUNNING' "wasAbandoned",
       deadline_ms - (extract(epoch from now() - started_at) * 1000)::float8 "remainingMs", headers`,
    [kind, worker, leaseMs],
  );
}

/** Milliseconds until a job of a kind may be due; undefined when none is waiting. */
export async function nextDueMs(q: Queryable, kind: string): Promise<number | undefined> {
  const { ms } = await q.one<{ ms: number | null }>(
    `select (extract(epoch from min(case state when 'PENDING' then run_at else lease_until end) - now()) * 1000)::float8 ms
     from jobs where kind = $1 and state in ('PENDING', 'RUNNING')`,
    [kind],
  );
  return ms ?? undefined;
}

/** Prolongs the leases; gives those that are still ours, and whether their cancellation was asked for. */
export function renewLeases(
  q: Queryable,
  claims: readonly { readonly id: string; readonly fence: number }[],
  leaseMs: number,
): Promise<{ id: string; cancelled: boolean }[]> {
  return q.query(
    `with mine as (select * from unnest($1::text[], $2::int8[]) m (id, fence)),
     lazily as materialized (select set_config('synchronous_commit', 'off', true))
     update jobs set lease_until = now() + make_interval(secs => $3::float8 / 1000)
     from mine, lazily where jobs.id = mine.id and jobs.fence = mine.fence and state = 'RUNNING'
     returning jobs.id, cancel_requested_at is not null cancelled`,
    [claims.map(({ id }) => id), claims.map(({ fence }) => fence), leaseMs],
  );
}

/** Whether cancellation of a job was asked for. */
export async function isCancelRequested(q: Queryable, id: string, fence: number): Promise<boolean> {
  const sql = 'select 1 from jobs where id = $1 and fence = $2 and cancel_requested_at is not null';
  return (await q.maybeOne(sql, [id, fence])) !== undefined;
}

/** Locks the job's row to the end of the transaction; false when the claim with this fence is not the present one. */
export async function lockFenced(tx: Tx, id: string, fence: number): Promise<boolean> {
  const sql = `select 1 from jobs where id = $1 and fence = $2 and state = 'RUNNING' for no key update`;
  return (await tx.maybeOne(sql, [id, fence])) !== undefined;
}

/** Writes how far the job has come; does nothing when the claim is not the present one. */
export async function saveProgress(q: Queryable, id: string, fence: number, progress: JobProgress): Promise<void> {
  await q.execute(
    `with lazily as materialized (select set_config('synchronous_commit', 'off', true))
     update jobs set progress = $3, updated_at = now() from lazily where id = $1 and fence = $2 and state = 'RUNNING'`,
    [id, fence, JSON.stringify(progress)],
  );
}

/** What was saved by `saveCheckpoint`. */
export async function loadCheckpoint(q: Queryable, id: string): Promise<unknown> {
  return (await q.one<{ checkpoint: unknown }>('select checkpoint from jobs where id = $1', [id])).checkpoint;
}

/** To be called in a transaction that holds the fence. */
export async function storeCheckpoint(tx: Tx, id: string, value: unknown): Promise<void> {
  await tx.execute('update jobs set checkpoint = $2, updated_at = now() where id = $1', [id, JSON.stringify(value)]);
}

/** Ends a job; to be called in a transaction that holds the fence. */
export async function finishJob(tx: Tx, id: string, state: JobState, error: JobError | undefined): Promise<void> {
  await tx.execute(
    `update jobs set state = $2, error = $3, finished_at = now(), lease_until = null, updated_at = now(),
       progress = case when $2 = 'SUCCEEDED' then coalesce(progress, '{}') || '{"fraction": 1}' else progress end
     where id = $1`,
    [id, state, error === undefined ? null : JSON.stringify(error)],
  );
}

/** Makes a claimed job pending again; does nothing when the claim is not the present one. */
export async function releaseJob(
  q: Queryable,
  id: string,
  fence: number,
  how: { readonly delayMs: number; readonly countsAttempt: boolean; readonly error?: JobError },
): Promise<void> {
  await q.execute(
    `update jobs set state = 'PENDING', attempt = attempt - $3::int, worker = null, lease_until = null,
       run_at = now() + make_interval(secs => $4::float8 / 1000), error = coalesce($5, error), updated_at = now()
     where id = $1 and fence = $2 and state = 'RUNNING'`,
    [id, fence, how.countsAttempt ? 0 : 1, how.delayMs, how.error === undefined ? null : JSON.stringify(how.error)],
  );
}

const COLUMNS = `id, kind, resource, payload, state, attempt, max_attempts "maxAttempts", progress, error,
  cancel_requested_at is not null "isCancelRequested", created_at "createdTime", started_at "startedTime",
  finished_at "finishedTime"`;

type Nullable<T> = { [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K] };

function toJobRow(row: Nullable<JobRow>): JobRow {
  return {
    ...row,
    progress: row.progress ?? undefined,
    error: row.error ?? undefined,
    startedTime: row.startedTime ?? undefined,
    finishedTime: row.finishedTime ?? undefined,
  } as JobRow;
}

/** The job with this id, or undefined. */
export async function getJob(q: Queryable, id: string): Promise<JobRow | undefined> {
  const row = await q.maybeOne<Nullable<JobRow>>(`select ${COLUMNS} from jobs where id = $1`, [id]);
  return row && toJobRow(row);
}

/** Jobs, newest first. */
export async function listJobs(q: Queryable, filter: JobFilter = {}): Promise<JobRow[]> {
  const rows = await q.query<Nullable<JobRow>>(
    `select ${COLUMNS} from jobs
     where ($1::text is null or resource = $1) and ($2::text is null or kind = $2)
       and ($3::text[] is null or state = any($3))
     order by created_at desc, id desc limit $4`,
    [
      filter.resource ?? null,
      filter.kind ?? null,
      filter.states ?? null,
      Math.min(filter.limit ?? LIST_DEFAULT, LIST_MAX),
    ],
  );
  return rows.map(toJobRow);
}
