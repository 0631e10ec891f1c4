import type { Queryable, Tx } from '@millrace/postgres';
import type { RunRow, RunState, StoredFailure } from '../domain/model.ts';

const COLUMNS = `name, workspace, pipeline, sequence, parameters, cause, cause_detail "causeDetail", state,
  attempt, is_cancel_requested "isCancelRequested", failure, trace_id "traceId", headers, revision,
  created_at "createdAt", started_at "startedAt", ended_at "endedAt"`;

/** What a new run is made of. */
export interface NewRun {
  readonly name: string;
  readonly workspace: string;
  readonly pipeline: string;
  readonly definition: unknown;
  readonly parameters: Readonly<Record<string, string>>;
  readonly cause: string;
  readonly causeDetail: string;
  readonly requestId: string;
  readonly traceId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly now: Date;
}

/** Inserts a run, PENDING; false when its request, tick or event has begun one already. */
export async function insertRun(tx: Tx, run: NewRun): Promise<boolean> {
  const inserted = await tx.execute(
    `insert into pipeline_runs (name, workspace, pipeline, definition, parameters, cause, cause_detail, request_id,
       trace_id, headers, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing`,
    [
      run.name,
      run.workspace,
      run.pipeline,
      run.definition,
      run.parameters,
      run.cause,
      run.causeDetail,
      run.requestId,
      run.traceId,
      run.headers,
      run.now,
    ],
  );
  return inserted === 1;
}

/** The run that a request made. */
export async function getRunByRequest(q: Queryable, workspace: string, requestId: string): Promise<RunRow | undefined> {
  const sql = `select ${COLUMNS} from pipeline_runs where workspace = $1 and request_id = $2 and request_id <> ''`;
  return await q.maybeOne<RunRow>(sql, [workspace, requestId]);
}

/** The run that a tick or event began. */
export async function getRunByCause(
  q: Queryable,
  pipeline: string,
  cause: string,
  causeDetail: string,
): Promise<RunRow | undefined> {
  const sql = `select ${COLUMNS} from pipeline_runs where pipeline = $1 and cause = $2 and cause_detail = $3
    and (cause like 'schedule:%' or cause like 'trigger:%')`;
  return await q.maybeOne<RunRow>(sql, [pipeline, cause, causeDetail]);
}

/** The run of this name. */
export async function getRun(q: Queryable, name: string): Promise<RunRow | undefined> {
  return await q.maybeOne<RunRow>(`select ${COLUMNS} from pipeline_runs where name = $1`, [name]);
}

/** The run of this name, locked to the end of the transaction. */
export async function lockRun(tx: Tx, name: string): Promise<RunRow | undefined> {
  return await tx.maybeOne<RunRow>(`select ${COLUMNS} from pipeline_runs where name = $1 for update`, [name]);
}

/** The definition of a run: the JSON form of the Pipeline message. It is large and never changes, so it is read apart. */
export async function getRunDefinition(q: Queryable, name: string): Promise<unknown> {
  const sql = 'select definition from pipeline_runs where name = $1';
  return (await q.one<{ definition: unknown }>(sql, [name])).definition;
}

/** Runs of a workspace, newest first, older than the one with sequence `before`. */
export async function listRuns(
  q: Queryable,
  filter: { readonly workspace: string; readonly pipeline: string; readonly before: number; readonly limit: number },
): Promise<RunRow[]> {
  return await q.query<RunRow>(
    `select ${COLUMNS} from pipeline_runs
     where workspace = $1 and ($2 = '' or pipeline = $2) and sequence < $3 order by sequence desc limit $4`,
    [filter.workspace, filter.pipeline, filter.before, filter.limit],
  );
}

/** Writes where a run stands; its revision grows by one. */
export async function saveRun(
  tx: Tx,
  name: string,
  change: {
    readonly state: RunState;
    readonly attempt: number;
    readonly isCancelRequested: boolean;
    readonly failure: StoredFailure | null;
    readonly startedAt: Date | null;
    readonly endedAt: Date | null;
  },
): Promise<void> {
  await tx.execute(
    `update pipeline_runs set state = $2, attempt = $3, is_cancel_requested = $4, failure = $5, started_at = $6,
       ended_at = $7, revision = revision + 1 where name = $1`,
    [name, change.state, change.attempt, change.isCancelRequested, change.failure, change.startedAt, change.endedAt],
  );
}

/** Makes the runs of one pipeline wait for each other to the end of the transaction. */
export async function lockQueue(tx: Tx, pipeline: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [pipeline]);
}

/** The oldest waiting run of a pipeline, locked, with how many of its runs go on; waiting runs locked by others are passed over. */
export async function nextWaitingRun(tx: Tx, pipeline: string): Promise<{ run: RunRow; running: number } | undefined> {
  const run = await tx.maybeOne<RunRow>(
    `select ${COLUMNS} from pipeline_runs where pipeline = $1 and state = 'PENDING'
     order by sequence limit 1 for update skip locked`,
    [pipeline],
  );
  if (!run) return undefined;
  const { running } = await tx.one<{ running: number }>(
    `select count(*) running from pipeline_runs where pipeline = $1 and state = 'RUNNING'`,
    [pipeline],
  );
  return { run, running };
}

/** Pipelines that have a waiting run: looked through at the start, should a queue have come to a stand. */
export async function pipelinesWithWaitingRuns(q: Queryable): Promise<string[]> {
  const rows = await q.query<{ pipeline: string }>(
    `select distinct pipeline from pipeline_runs where state = 'PENDING'`,
  );
  return rows.map(({ pipeline }) => pipeline);
}
