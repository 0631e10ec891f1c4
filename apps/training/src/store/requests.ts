import type { Tx } from '@millrace/postgres';

/** A request that creates something. */
export interface CreatingRequest {
  readonly workspace: string;
  readonly method: string;
  /** Empty: the caller gave none, and nothing is remembered. */
  readonly requestId: string;
}

/**
 * Remembers that a request creates `resourceId`; gives the id that the same request has created before, if it has. Two
 * equal requests at a time wait for each other.
 */
export async function claimRequest(
  tx: Tx,
  { workspace, method, requestId }: CreatingRequest,
  resourceId: string,
  now: Date,
): Promise<string | undefined> {
  if (requestId === '') return undefined;
  const isNew = await tx.execute(
    `insert into requests (workspace, method, request_id, resource_id, created_at) values ($1, $2, $3, $4, $5)
     on conflict do nothing`,
    [workspace, method, requestId, resourceId, now],
  );
  if (isNew === 1) return undefined;
  const row = await tx.one<{ resource_id: string }>(
    'select resource_id from requests where workspace = $1 and method = $2 and request_id = $3',
    [workspace, method, requestId],
  );
  return row.resource_id;
}
