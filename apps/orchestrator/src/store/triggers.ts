import type { Queryable, Tx } from '@millrace/postgres';

/** A trigger that listens to a subject. */
export interface TriggerRow {
  readonly pipeline: string;
  readonly trigger: string;
  readonly workspace: string;
  /** Events that were emitted before do not count. */
  readonly createdAt: Date;
  readonly lastRunAt: Date | null;
}

/** Replaces the triggers of a pipeline; those that stay keep the time of their last run. */
export async function saveTriggers(
  tx: Tx,
  pipeline: string,
  workspace: string,
  triggers: readonly { trigger: string; subject: string }[],
  now: Date,
): Promise<void> {
  await tx.execute('delete from triggers where pipeline = $1 and trigger <> all($2)', [
    pipeline,
    triggers.map(({ trigger }) => trigger),
  ]);
  for (const { trigger, subject } of triggers) {
    await tx.execute(
      `insert into triggers (pipeline, trigger, workspace, subject, created_at) values ($1, $2, $3, $4, $5)
       on conflict (pipeline, trigger) do update set subject = $4,
         created_at = case when triggers.subject = $4 then triggers.created_at else $5 end`,
      [pipeline, trigger, workspace, subject, now],
    );
  }
  await tx.query(`select pg_notify($1, '')`, [triggersChannel(tx.schema)]);
}

/** Where changes of triggers are told. */
export function triggersChannel(schema: string): string {
  return `${schema}_triggers`;
}

/** The subjects that triggers listen to, sorted. */
export async function listSubjects(q: Queryable): Promise<string[]> {
  const rows = await q.query<{ subject: string }>('select distinct subject from triggers order by subject');
  return rows.map(({ subject }) => subject);
}

/** The triggers that listen to a subject, locked to the end of the transaction. */
export async function lockTriggers(tx: Tx, subject: string): Promise<TriggerRow[]> {
  return await tx.query<TriggerRow>(
    `select pipeline, trigger, workspace, created_at "createdAt", last_run_at "lastRunAt" from triggers where subject = $1
     order by pipeline, trigger for update`,
    [subject],
  );
}

/** Notes that a trigger has begun a run. */
export async function saveLastRun(tx: Tx, pipeline: string, trigger: string, now: Date): Promise<void> {
  await tx.execute('update triggers set last_run_at = $3 where pipeline = $1 and trigger = $2', [
    pipeline,
    trigger,
    now,
  ]);
}
