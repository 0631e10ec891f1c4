import type { Tx } from '@millrace/postgres';

/**
 * Remembers that a request made `resource`, and gives what the same request made before: the same name at first, the
 * earlier one when it is sent again. Without an id nothing is remembered.
 */
export async function claimRequest(
  tx: Tx,
  request: { readonly parent: string; readonly method: string; readonly id: string; readonly resource: string },
): Promise<{ resource: string; isRepeated: boolean }> {
  const { parent, method, id, resource } = request;
  if (id === '') return { resource, isRepeated: false };
  const inserted = await tx.execute(
    `insert into requests (parent, method, request_id, resource) values ($1, $2, $3, $4) on conflict do nothing`,
    [parent, method, id, resource],
  );
  if (inserted === 1) return { resource, isRepeated: false };
  const known = await tx.one<{ resource: string }>(
    'select resource from requests where parent = $1 and method = $2 and request_id = $3',
    [parent, method, id],
  );
  return { resource: known.resource, isRepeated: true };
}
