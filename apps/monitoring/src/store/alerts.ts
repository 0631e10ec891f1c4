import type { Queryable, Tx } from '@millrace/postgres';
import type { AlertKind } from '../domain/alerts.ts';

/** Where an alert stands. */
export type AlertStateText = 'OPEN' | 'ACKNOWLEDGED' | 'RESOLVED';

/** An alert as a row. */
export interface AlertRow {
  readonly id: string;
  readonly workspace: string;
  readonly monitor: string;
  readonly endpoint: string;
  readonly modelVersion: string;
  readonly kind: AlertKind;
  readonly state: AlertStateText;
  readonly message: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly monitorRun: string;
  readonly windowStart: Date;
  readonly windowEnd: Date;
  /** End of the newest window that was out of bounds. */
  readonly lastWindowEnd: Date;
  readonly createdAt: Date;
  readonly resolvedAt: Date | null;
  readonly acknowledgedBy: string;
}

const COLUMNS = `id, workspace, monitor, endpoint, model_version as "modelVersion", kind, state, message, figures,
  monitor_run as "monitorRun", window_start as "windowStart",
  window_end as "windowEnd", last_window_end as "lastWindowEnd", created_at as "createdAt",
  resolved_at as "resolvedAt", acknowledged_by as "acknowledgedBy"`;

/** Opens an alert. */
export async function insertAlert(tx: Tx, row: AlertRow): Promise<void> {
  await tx.execute(
    `insert into alerts (id, workspace, monitor, endpoint, model_version, kind, state, message, figures, monitor_run,
       window_start, window_end, last_window_end, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      row.id,
      row.workspace,
      row.monitor,
      row.endpoint,
      row.modelVersion,
      row.kind,
      row.state,
      row.message,
      JSON.stringify(row.figures),
      row.monitorRun,
      row.windowStart,
      row.windowEnd,
      row.lastWindowEnd,
      row.createdAt,
    ],
  );
}

/** Alerts of a monitor that are not resolved, oldest first. */
export function listOpenAlerts(db: Queryable, monitor: string): Promise<AlertRow[]> {
  return db.query<AlertRow>(`select ${COLUMNS} from alerts where monitor = $1 and state <> 'RESOLVED' order by id`, [
    monitor,
  ]);
}

/** Notes that a newer window is out of bounds, too. */
export async function extendAlert(tx: Tx, id: string, windowEnd: Date): Promise<void> {
  await tx.execute('update alerts set last_window_end = greatest(last_window_end, $2) where id = $1', [id, windowEnd]);
}

/** Resolves an alert and gives it as it is then. */
export function resolveAlert(tx: Tx, id: string, now: Date): Promise<AlertRow> {
  return tx.one<AlertRow>(`update alerts set state = 'RESOLVED', resolved_at = $2 where id = $1 returning ${COLUMNS}`, [
    id,
    now,
  ]);
}

/** Notes who has seen an alert first; gives the alert, or nothing where there is none. */
export function acknowledgeAlert(db: Queryable, workspace: string, id: string, actor: string) {
  return db.maybeOne<AlertRow>(
    `update alerts set acknowledged_by = case when acknowledged_by = '' then $3 else acknowledged_by end,
       state = case when state = 'OPEN' then 'ACKNOWLEDGED' else state end
     where workspace = $1 and id = $2 returning ${COLUMNS}`,
    [workspace, id, actor],
  );
}

/** The alert of this id. */
export function findAlert(db: Queryable, workspace: string, id: string): Promise<AlertRow | undefined> {
  return db.maybeOne<AlertRow>(`select ${COLUMNS} from alerts where workspace = $1 and id = $2`, [workspace, id]);
}

/** Alerts of a workspace with an id below `before`, newest first (ids grow with time). */
export function listAlerts(
  db: Queryable,
  filter: { workspace: string; state: AlertStateText | ''; before: string },
  limit: number,
): Promise<AlertRow[]> {
  const { workspace, state, before } = filter;
  return db.query<AlertRow>(
    `select ${COLUMNS} from alerts
     where workspace = $1 and ($2 = '' or state = $2) and ($3 = '' or id < $3) order by id desc limit $4`,
    [workspace, state, before, limit],
  );
}

/** Numbers of alerts that are not resolved. */
export function countOpenAlerts(db: Queryable): Promise<{ monitor: string; kind: AlertKind; count: number }[]> {
  return db.query(
    `select monitor, kind, count(*)::integer as count from alerts where state <> 'RESOLVED' group by monitor, kind`,
  );
}
