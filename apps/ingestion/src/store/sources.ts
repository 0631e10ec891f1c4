import type { JsonObject } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** A source as it is kept. */
export interface SourceRow {
  readonly name: string;
  readonly workspace: string;
  readonly body: JsonObject;
  readonly etag: string;
  readonly createTime: Date;
  readonly updateTime: Date;
}

const COLUMNS = `name, workspace, body, etag, create_time "createTime", update_time "updateTime"`;

/** The source of this name. */
export function findSource(q: Queryable, name: string): Promise<SourceRow | undefined> {
  return q.maybeOne<SourceRow>(`select ${COLUMNS} from sources where name = $1`, [name]);
}

/** The source of this name, locked to the end of the transaction. */
export function lockSource(tx: Tx, name: string): Promise<SourceRow | undefined> {
  return tx.maybeOne<SourceRow>(`select ${COLUMNS} from sources where name = $1 for update`, [name]);
}

/** Sources of a workspace by name, after `after`. */
export function listSources(q: Queryable, workspace: string, after: string, limit: number): Promise<SourceRow[]> {
  return q.query<SourceRow>(
    `select ${COLUMNS} from sources where workspace = $1 and name > $2 order by name limit $3`,
    [workspace, after, limit],
  );
}

/** Stores a new source; false when the name is taken. */
export async function insertSource(tx: Tx, row: SourceRow): Promise<boolean> {
  const inserted = await tx.execute(
    `insert into sources (name, workspace, body, etag, create_time, update_time)
     values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [row.name, row.workspace, row.body, row.etag, row.createTime, row.updateTime],
  );
  return inserted === 1;
}

/** Changes a source. */
export async function updateSource(tx: Tx, row: SourceRow): Promise<void> {
  await tx.execute(`update sources set body = $2, etag = $3, update_time = $4 where name = $1`, [
    row.name,
    row.body,
    row.etag,
    row.updateTime,
  ]);
}

/** Deletes a source. */
export async function deleteSource(tx: Tx, name: string): Promise<void> {
  await tx.execute('delete from sources where name = $1', [name]);
}
