import type { JsonValue } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** A validation run as a row; the document has no execution, which the job holds. */
export interface RunRow {
  readonly name: string;
  readonly id: string;
  readonly document: JsonValue;
}

/** Adds a run; gives the one that the same request made before, or the new one. */
export async function insertRun(
  tx: Tx,
  row: RunRow & { workspace: string; dataset: string; requestId: string },
): Promise<{ name: string; id: string }> {
  const inserted = await tx.maybeOne<{ name: string; id: string }>(
    `insert into validation_runs (name, workspace, id, dataset, request_id, document) values ($1, $2, $3, $4, nullif($5, ''), $6)
     on conflict (workspace, request_id) do nothing returning name, id`,
    [row.name, row.workspace, row.id, row.dataset, row.requestId, JSON.stringify(row.document)],
  );
  return (
    inserted ??
    tx.one<{ name: string; id: string }>(
      'select name, id from validation_runs where workspace = $1 and request_id = $2',
      [row.workspace, row.requestId],
    )
  );
}

/** The run of this name. */
export function findRun(db: Queryable, name: string): Promise<RunRow | undefined> {
  return db.maybeOne<RunRow>('select name, id, document from validation_runs where name = $1', [name]);
}

/** Runs of a workspace with an id below `before`, newest first (ids grow with time). */
export function listRuns(
  db: Queryable,
  workspace: string,
  dataset: string,
  before: string,
  limit: number,
): Promise<RunRow[]> {
  return db.query<RunRow>(
    `select name, id, document from validation_runs
     where workspace = $1 and ($2 = '' or dataset = $2) and ($3 = '' or id < $3) order by id desc limit $4`,
    [workspace, dataset, before, limit],
  );
}

/** Notes what a run has found. */
export async function updateRun(tx: Tx, name: string, document: JsonValue): Promise<void> {
  await tx.execute('update validation_runs set document = $2 where name = $1', [name, JSON.stringify(document)]);
}
