import type { JsonValue } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** A promotion as a row; the document is the message's JSON form without its execution. */
export interface PromotionRow {
  readonly id: string;
  readonly model: string;
  readonly document: JsonValue;
}

/** Adds a promotion; gives the id of the one that the same request made before, or of the new one. */
export async function insertPromotion(
  tx: Tx,
  row: PromotionRow & { requestId: string; createdAt: Date },
): Promise<string> {
  const inserted = await tx.maybeOne<{ id: string }>(
    `insert into promotions (id, model, request_id, document, created_at) values ($1, $2, nullif($3, ''), $4, $5)
     on conflict (model, request_id) do nothing returning id`,
    [row.id, row.model, row.requestId, JSON.stringify(row.document), row.createdAt],
  );
  if (inserted) return inserted.id;
  const known = await tx.one<{ id: string }>('select id from promotions where model = $1 and request_id = $2', [
    row.model,
    row.requestId,
  ]);
  return known.id;
}

/** The promotion of this id. */
export function findPromotion(db: Queryable, model: string, id: string): Promise<PromotionRow | undefined> {
  return db.maybeOne<PromotionRow>('select id, model, document from promotions where model = $1 and id = $2', [
    model,
    id,
  ]);
}

/** Promotions of a model with an id below `before`, newest first (ids grow with time). */
export function listPromotions(db: Queryable, model: string, before: string, limit: number): Promise<PromotionRow[]> {
  return db.query<PromotionRow>(
    `select id, model, document from promotions where model = $1 and ($2 = '' or id < $2) order by id desc limit $3`,
    [model, before, limit],
  );
}

/** Notes what a promotion came to. */
export async function updatePromotion(tx: Tx, id: string, document: JsonValue): Promise<void> {
  await tx.execute('update promotions set document = $2 where id = $1', [id, JSON.stringify(document)]);
}
