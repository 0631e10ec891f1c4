import type { JsonValue } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** A training job as stored; its run has the same id. */
export interface TrainingJobRow {
  readonly jobId: string;
  readonly workspace: string;
  /** TrainingSpec in its JSON form. */
  readonly spec: JsonValue;
  /** TrainingResult in its JSON form, once it has succeeded. */
  readonly result: JsonValue | null;
}

const COLUMNS = 'job_id as "jobId", workspace, spec, result';

/** Stores a new job. */
export async function insertTrainingJob(tx: Tx, job: Omit<TrainingJobRow, 'result'>): Promise<void> {
  await tx.execute('insert into training_jobs (job_id, workspace, spec) values ($1, $2, $3)', [
    job.jobId,
    job.workspace,
    JSON.stringify(job.spec),
  ]);
}

/** One job, if there is one of this id in the workspace. */
export function findTrainingJob(q: Queryable, workspace: string, jobId: string): Promise<TrainingJobRow | undefined> {
  return q.maybeOne(`select ${COLUMNS} from training_jobs where workspace = $1 and job_id = $2`, [workspace, jobId]);
}

/** Jobs of a workspace, newest first; `before` is the id that ended the page before. */
export function listTrainingJobs(
  q: Queryable,
  workspace: string,
  before: string | undefined,
  limit: number,
): Promise<TrainingJobRow[]> {
  return q.query(
    `select ${COLUMNS} from training_jobs where workspace = $1 and ($2::text is null or job_id < $2)
     order by job_id desc limit $3`,
    [workspace, before ?? null, limit],
  );
}

/** Stores what came out, or that nothing did. */
export async function saveResult(tx: Tx, jobId: string, result: JsonValue | null): Promise<void> {
  await tx.execute('update training_jobs set result = $2 where job_id = $1', [
    jobId,
    result === null ? null : JSON.stringify(result),
  ]);
}
