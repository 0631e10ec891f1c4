import type { JsonValue } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** The judging of a window as a row. */
export interface RunRow {
  readonly id: string;
  readonly workspace: string;
  readonly monitor: string;
  readonly endpoint: string;
  readonly windowStart: Date;
  readonly windowEnd: Date;
  /** `MonitorRun` with reports and alerts; null until the window was judged. */
  readonly document: JsonValue | null;
}

const COLUMNS = `id, workspace, monitor, endpoint, window_start as "windowStart", window_end as "windowEnd", document`;

/** Adds a run; gives the one that the same request made before, or the new one. */
export async function insertRun(
  tx: Tx,
  row: Omit<RunRow, 'document'> & { requestId: string; createdAt: Date },
): Promise<RunRow> {
  const inserted = await tx.maybeOne<RunRow>(
    `insert into monitor_runs (id, workspace, monitor, endpoint, window_start, window_end, request_id, created_at)
     values ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8)
     on conflict (workspace, request_id) do nothing returning ${COLUMNS}`,
    [row.id, row.workspace, row.monitor, row.endpoint, row.windowStart, row.windowEnd, row.requestId, row.createdAt],
  );
  if (inserted) return inserted;
  return tx.one<RunRow>(`select ${COLUMNS} from monitor_runs where workspace = $1 and request_id = $2`, [
    row.workspace,
    row.requestId,
  ]);
}

/** The run of this id. */
export function findRun(db: Queryable, workspace: string, id: string): Promise<RunRow | undefined> {
  return db.maybeOne<RunRow>(`select ${COLUMNS} from monitor_runs where workspace = $1 and id = $2`, [workspace, id]);
}

/** Runs of a workspace, or of one monitor, with an id below `before`, newest first (ids grow with time). */
export function listRuns(
  db: Queryable,
  filter: { workspace: string; monitor: string; before: string },
  limit: number,
): Promise<RunRow[]> {
  const { workspace, monitor, before } = filter;
  return db.query<RunRow>(
    `select ${COLUMNS} from monitor_runs
     where workspace = $1 and ($2 = '' or monitor = $2) and ($3 = '' or id < $3) order by id desc limit $4`,
    [workspace, monitor, before, limit],
  );
}

/** The newest windows of a monitor, each by its newest judging. */
export function listCurrentRuns(db: Queryable, monitor: string, limit: number): Promise<RunRow[]> {
  return db.query<RunRow>(
    `select ${COLUMNS} from monitor_runs where monitor = $1 and is_current
     order by window_end desc, window_start desc limit $2`,
    [monitor, limit],
  );
}

/** The newest window of each of at most `limit` monitors. */
export function listNewestRuns(db: Queryable, limit: number): Promise<RunRow[]> {
  return db.query<RunRow>(
    `select distinct on (monitor) ${COLUMNS} from monitor_runs where is_current
     order by monitor, window_end desc, window_start desc limit $1`,
    [limit],
  );
}

/** Runs of a monitor that wait or are at work. */
export function listUnfinishedRuns(db: Queryable, monitor: string): Promise<RunRow[]> {
  return db.query<RunRow>(
    `select ${COLUMNS} from monitor_runs r where monitor = $1
     and exists (select 1 from jobs j where j.id = r.id and j.state in ('PENDING', 'RUNNING'))`,
    [monitor],
  );
}

/** Keeps a run's report as the one of its window, in place of any before. */
export async function saveReport(tx: Tx, run: RunRow, document: JsonValue): Promise<void> {
  await tx.execute(
    'update monitor_runs set is_current = false where monitor = $1 and window_end = $2 and window_start = $3 and is_current',
    [run.monitor, run.windowEnd, run.windowStart],
  );
  await tx.execute('update monitor_runs set is_current = true, document = $2 where id = $1', [
    run.id,
    JSON.stringify(document),
  ]);
}
