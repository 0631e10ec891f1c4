import type { Queryable, Tx } from '@millrace/postgres';

/** A trigger that listens to a subject. */
export interface TriggerRow {
  readonly pipeline: string;
  readonly trigger: string;
  readonly workspace: string;
  readonly lastRunAt: Date | null;
}

/** Replaces the triggers of a pipeline; those that stay keep the time of their last run. */
export async function saveTriggers(
  tx: Tx,
  pipeline: string,
  workspace: string,
  triggers: readonly { trigger: string; subject: string }[],
): Promise<void> {
  await tx.execute('delete from triggers where pipeline = $1 and trigger <> all($2)', [
    pipeline,
    triggers.map(({ trigger }) => trigger),
  ]);
  for (const { trigger, subject } of triggers) {
    await tx.execute(
      `insert into triggers (pipeline, trigger, workspace, subject) values ($1, $2, $3, $4)
       on conflict (pipeline, trigger) do update set subject = $4`,
      [pipeline, trigger, workspace, subject],
    );
  }
}

/** The triggers that listen to a subject, locked to the end of the transaction. */
export async function lockTriggers(tx: Tx, subject: string): Promise<TriggerRow[]> {
  return await tx.query<TriggerRow>(
    `select pipeline, trigger, workspace, last_run_at "lastRunAt" from triggers where subject = $1
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

/** Whether any trigger listens to a subject. */
export async function hasTriggers(q: Queryable, subject: string): Promise<boolean> {
  return (await q.maybeOne('select 1 from triggers where subject = $1 limit 1', [subject])) !== undefined;
}
