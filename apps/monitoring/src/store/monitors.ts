import type { JsonValue } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** A monitor as a row; the document is the message's JSON form. */
export interface MonitorRow {
  readonly name: string;
  readonly revision: number;
  readonly document: JsonValue;
  readonly etag: string;
}

const COLUMNS = 'name, revision, document, etag';

/** What a new monitor is made of. */
export interface NewMonitorRow extends MonitorRow {
  readonly workspace: string;
  readonly endpoint: string;
  readonly requestId: string;
  readonly createdAt: Date;
}

/** Adds a monitor unless its name or its request is known; tells whether it did. */
export async function insertMonitor(tx: Tx, row: NewMonitorRow): Promise<boolean> {
  const rows = await tx.execute(
    `insert into monitors (name, workspace, endpoint, request_id, revision, document, etag, created_at)
     values ($1, $2, $3, nullif($4, ''), $5, $6, $7, $8) on conflict do nothing`,
    [
      row.name,
      row.workspace,
      row.endpoint,
      row.requestId,
      row.revision,
      JSON.stringify(row.document),
      row.etag,
      row.createdAt,
    ],
  );
  return rows === 1;
}

/** Changes a monitor. */
export async function updateMonitor(tx: Tx, row: MonitorRow & { endpoint: string }): Promise<void> {
  await tx.execute('update monitors set endpoint = $2, revision = $3, document = $4, etag = $5 where name = $1', [
    row.name,
    row.endpoint,
    row.revision,
    JSON.stringify(row.document),
    row.etag,
  ]);
}

/** The monitor of this name. */
export function findMonitor(db: Queryable, name: string): Promise<MonitorRow | undefined> {
  return db.maybeOne<MonitorRow>(`select ${COLUMNS} from monitors where name = $1`, [name]);
}

/** Holds the monitor's row until the transaction ends, so that changes of its windows and alerts follow each other. */
export function lockMonitor(tx: Tx, name: string): Promise<MonitorRow | undefined> {
  return tx.maybeOne<MonitorRow>(`select ${COLUMNS} from monitors where name = $1 for update`, [name]);
}

/** The monitor that a request has created. */
export function findMonitorOfRequest(db: Queryable, workspace: string, id: string): Promise<MonitorRow | undefined> {
  return db.maybeOne<MonitorRow>(`select ${COLUMNS} from monitors where workspace = $1 and request_id = $2`, [
    workspace,
    id,
  ]);
}

/** Monitors of a workspace behind `after`, by name. */
export function listMonitors(db: Queryable, workspace: string, after: string, limit: number): Promise<MonitorRow[]> {
  return db.query<MonitorRow>(
    `select ${COLUMNS} from monitors where workspace = $1 and name > $2 order by name limit $3`,
    [workspace, after, limit],
  );
}

/** Deletes a monitor with its runs and judgements. */
export async function deleteMonitor(tx: Tx, name: string): Promise<void> {
  await tx.execute('delete from monitors where name = $1', [name]);
}
