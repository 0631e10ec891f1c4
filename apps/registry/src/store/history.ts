import type { Queryable, Tx } from '@millrace/postgres';

/** One entry of a model's history. */
export interface HistoryRow {
  readonly id: number;
  readonly kind: 'REGISTERED' | 'ALIAS_SET' | 'ALIAS_REMOVED' | 'PROMOTED' | 'PROMOTION_REJECTED';
  readonly version: string;
  readonly alias: string;
  readonly actor: string;
  readonly comment: string;
  readonly happenedAt: Date;
}

/** Adds an entry. */
export async function insertHistory(tx: Tx, model: string, entry: Omit<HistoryRow, 'id'>): Promise<void> {
  await tx.execute(
    `insert into history (model, kind, version, alias, actor, comment, happened_at) values ($1, $2, $3, $4, $5, $6, $7)`,
    [model, entry.kind, entry.version, entry.alias, entry.actor, entry.comment, entry.happenedAt],
  );
}

/** Entries of a model with an id below `before`, newest first. */
export function listHistory(db: Queryable, model: string, before: number, limit: number): Promise<HistoryRow[]> {
  return db.query<HistoryRow>(
    `select id, kind, version, alias, actor, comment, happened_at as "happenedAt" from history
     where model = $1 and id < $2 order by id desc limit $3`,
    [model, before, limit],
  );
}
