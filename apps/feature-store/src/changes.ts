import type { Database, Queryable, Subscription } from '@millrace/postgres';

/** What has changed for the caches of all replicas. */
export type StoreChange =
  /** Definitions: everything that was derived from them. */
  | { readonly kind: 'catalog' }
  /** Online values of a view, by its number. */
  | { readonly kind: 'values'; readonly view: number };

/** Tells the caches of this process what has changed. */
export interface Changes {
  /** Calls the listeners at once; for what this process has committed itself. */
  apply(change: StoreChange): void;
  on(listener: (change: StoreChange | 'unknown') => void): void;
  /** Hears the other replicas. */
  listen(): Promise<Subscription>;
}

const channelOf = (schema: string): string => `${schema}_changes`;

/** Tells all replicas at the commit of the transaction. */
export async function announce(tx: Queryable & { readonly schema: string }, change: StoreChange): Promise<void> {
  await tx.query('select pg_notify($1, $2)', [channelOf(tx.schema), JSON.stringify(change)]);
}

/** Makes the switchboard of a process. */
export function createChanges(database: Database): Changes {
  const listeners: ((change: StoreChange | 'unknown') => void)[] = [];
  const tell = (change: StoreChange | 'unknown') => {
    for (const listener of listeners) listener(change);
  };
  return {
    apply: tell,
    on: (listener) => listeners.push(listener),
    listen: () =>
      database.listen(channelOf(database.schema), (payload) =>
        // An empty payload says that notifications may have been missed.
        tell(payload === '' ? 'unknown' : (JSON.parse(payload) as StoreChange)),
      ),
  };
}
