import type { Queryable, Tx } from '@millrace/postgres';
import type { StepRow } from '../domain/model.ts';

const COLUMNS = `run, step, position, action, state, skip_reason "skipReason", outputs, resource, generation, attempt,
  fraction, rows, message, deadline, started_at "startedAt", ended_at "endedAt", failure, dependencies,
  unchanged_since "unchangedSince"`;

/** A step of a new run. */
export interface NewStep {
  readonly step: string;
  readonly action: string;
  readonly dependencies: readonly string[];
}

/** Inserts the steps of a run in their order. */
export async function insertSteps(tx: Tx, run: string, steps: readonly NewStep[]): Promise<void> {
  await tx.execute(
    `insert into step_runs (run, step, position, action, dependencies)
     select $1, s.step, s.position, s.action, array(select jsonb_array_elements_text(s.dependencies))
     from jsonb_to_recordset($2::jsonb) s (step text, position integer, action text, dependencies jsonb)`,
    [run, JSON.stringify(steps.map((step, position) => ({ ...step, position })))],
  );
}

/** The steps of a run in their order. */
export async function listSteps(q: Queryable, run: string): Promise<StepRow[]> {
  return await q.query<StepRow>(`select ${COLUMNS} from step_runs where run = $1 order by position`, [run]);
}

/** The steps of several runs, by run, in their order. */
export async function listStepsOfRuns(q: Queryable, runs: readonly string[]): Promise<Map<string, StepRow[]>> {
  const rows = await q.query<StepRow>(`select ${COLUMNS} from step_runs where run = any($1) order by run, position`, [
    runs,
  ]);
  const byRun = new Map<string, StepRow[]>(runs.map((run) => [run, []]));
  for (const row of rows) byRun.get(row.run)?.push(row);
  return byRun;
}

/** Writes where steps stand, all in one statement. */
export async function saveSteps(tx: Tx, steps: readonly StepRow[]): Promise<void> {
  if (steps.length === 0) return;
  await tx.execute(
    `update step_runs set state = s.state, skip_reason = s."skipReason", outputs = s.outputs, resource = s.resource,
       generation = s.generation, attempt = s.attempt, fraction = s.fraction, rows = s.rows, message = s.message,
       deadline = s.deadline, started_at = s."startedAt", ended_at = s."endedAt",
       failure = nullif(s.failure, 'null'::jsonb), unchanged_since = s."unchangedSince"
     from jsonb_to_recordset($1::jsonb) s (run text, step text, state text, "skipReason" text, outputs jsonb,
       resource text, generation integer, attempt integer, fraction double precision, rows bigint, message text,
       deadline timestamptz, "startedAt" timestamptz, "endedAt" timestamptz, failure jsonb, "unchangedSince" text)
     where step_runs.run = s.run and step_runs.step = s.step`,
    [JSON.stringify(steps)],
  );
}

/** How far a step has come. */
export interface StepProgress {
  readonly resource: string;
  readonly fraction: number;
  readonly rows: number;
  readonly message: string;
}

/**
 * Writes how far a step has come, and that its run has changed; does nothing when another attempt has the step. The
 * commit does not wait for the disk: losing progress in a crash loses nothing.
 */
export async function saveProgress(
  q: Queryable,
  at: { readonly run: string; readonly step: string; readonly generation: number },
  progress: StepProgress,
): Promise<void> {
  await q.execute(
    `with lazily as materialized (select set_config('synchronous_commit', 'off', true)),
     run as (select name from pipeline_runs, lazily where name = $1 for no key update),
     done as (
       update step_runs set resource = $4, fraction = $5, rows = $6, message = $7 from run
       where step_runs.run = run.name and step = $2 and generation = $3 and state = 'RUNNING' returning 1
     )
     update pipeline_runs set revision = revision + 1 from done where name = $1`,
    [at.run, at.step, at.generation, progress.resource, progress.fraction, progress.rows, progress.message],
  );
}

/** The last success of a step. */
export interface StepSuccess {
  readonly digest: string;
  readonly run: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly resource: string;
  readonly rows: number;
}

/** The last success of a pipeline's step. */
export async function getSuccess(q: Queryable, pipeline: string, step: string): Promise<StepSuccess | undefined> {
  return await q.maybeOne<StepSuccess>(
    'select digest, run, outputs, resource, rows from step_successes where pipeline = $1 and step = $2',
    [pipeline, step],
  );
}

/** Remembers the success of a step. */
export async function saveSuccess(tx: Tx, pipeline: string, step: string, success: StepSuccess): Promise<void> {
  await tx.execute(
    `insert into step_successes (pipeline, step, digest, run, outputs, resource, rows)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (pipeline, step) do update set digest = $3, run = $4, outputs = $5, resource = $6, rows = $7`,
    [pipeline, step, success.digest, success.run, success.outputs, success.resource, success.rows],
  );
}
