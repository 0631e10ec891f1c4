import type { JsonObject } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** A load as it is kept. */
export interface RunRow {
  readonly name: string;
  readonly workspace: string;
  readonly jobId: string;
  readonly dataset: string;
  readonly spec: JsonObject;
  readonly isFinished: boolean;
  readonly datasetVersion: number | null;
  readonly readRows: number;
  readonly quarantinedRows: number;
  readonly discardedRows: number;
  readonly writtenBytes: number;
  readonly createTime: Date;
}

const COLUMNS = `name, workspace, job_id "jobId", dataset, spec, is_finished "isFinished", dataset_version "datasetVersion",
  read_rows "readRows", quarantined_rows "quarantinedRows", discarded_rows "discardedRows", written_bytes "writtenBytes",
  create_time "createTime"`;

/** The load of this name. */
export function findRun(q: Queryable, name: string): Promise<RunRow | undefined> {
  return q.maybeOne<RunRow>(`select ${COLUMNS} from ingestion_runs where name = $1`, [name]);
}

/** Loads of a workspace, newest first (their ids grow with time), before `before`; into one dataset where it is given. */
export function listRuns(
  q: Queryable,
  filter: { readonly workspace: string; readonly dataset: string; readonly before: string; readonly limit: number },
): Promise<RunRow[]> {
  return q.query<RunRow>(
    `select ${COLUMNS} from ingestion_runs
     where workspace = $1 and ($2 = '' or dataset = $2) and ($3 = '' or name < $3) order by name desc limit $4`,
    [filter.workspace, filter.dataset, filter.before, filter.limit],
  );
}

/** Stores a load that was accepted. */
export async function insertRun(
  tx: Tx,
  row: Pick<RunRow, 'name' | 'workspace' | 'jobId' | 'dataset' | 'spec' | 'createTime'>,
): Promise<void> {
  await tx.execute(
    `insert into ingestion_runs (name, workspace, job_id, dataset, spec, create_time) values ($1, $2, $3, $4, $5, $6)`,
    [row.name, row.workspace, row.jobId, row.dataset, row.spec, row.createTime],
  );
}

/** Writes how a load ended. */
export async function finishRun(
  tx: Tx,
  row: Pick<RunRow, 'name' | 'datasetVersion' | 'readRows' | 'quarantinedRows' | 'discardedRows' | 'writtenBytes'>,
): Promise<void> {
  await tx.execute(
    `update ingestion_runs set is_finished = true, dataset_version = $2, read_rows = $3, quarantined_rows = $4,
       discarded_rows = $5, written_bytes = $6 where name = $1`,
    [row.name, row.datasetVersion, row.readRows, row.quarantinedRows, row.discardedRows, row.writtenBytes],
  );
}
