/**
 * Something that answers SQL. Parameters are `$1`, `$2`, …: a `Date` goes as timestamptz, a `Uint8Array` as bytea, an
 * array as a PostgreSQL array, any other object as JSON (an array meant for a jsonb parameter has to be stringified by
 * the caller). `undefined` goes as null.
 *
 * Rows come back with: int8 as an exact `number` (a value beyond 2^53 fails the query), numeric as text, date and
 * timestamp (without time zone) as text, timestamptz as `Date`, json and jsonb parsed, bytea as `Buffer`.
 *
 * Errors of the server are pg's `DatabaseError`s (see the `is…` predicates of this package); a server that cannot be
 * reached or that goes away is an AppError UNAVAILABLE `DATABASE_UNAVAILABLE`.
 */
export interface Queryable {
  /** All rows of one statement. */
  query<R extends object = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<R[]>;
  /** The only row; throws (a broken invariant) unless there is exactly one. */
  one<R extends object>(sql: string, params?: readonly unknown[]): Promise<R>;
  /** The only row or nothing; throws (a broken invariant) when there are more. */
  maybeOne<R extends object>(sql: string, params?: readonly unknown[]): Promise<R | undefined>;
  /** How many rows the statement touched; without parameters `sql` may hold several statements, whose counts are added. */
  execute(sql: string, params?: readonly unknown[]): Promise<number>;
}

/** An open transaction. Statements run one after another, also when several are asked for at once. */
export interface Tx extends Queryable {
  /** The schema that is the connection's search path. */
  readonly schema: string;
  /** Has `fn` called once this transaction has committed, never when it is rolled back; `fn` must not throw. */
  afterCommit(fn: () => void): void;
}

/** How a transaction runs. */
export interface TransactionOptions {
  /** Default `read committed`. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** False: the commit does not wait for the disk; the last commits may be lost (never torn) when the server crashes. Default true. */
  readonly synchronousCommit?: boolean;
  /** How often the work is tried again after a serialization failure (40001) or a deadlock (40P01). Default 5. */
  readonly retries?: number;
}

/** A listener that can be ended. */
export interface Subscription {
  /** Ends the subscription; `onNotify` is not called any more. */
  close(): Promise<void>;
}

/** A pool of connections whose search path is one service's schema. */
export interface Database extends Queryable {
  /** The search path of every connection is exactly this schema. */
  readonly schema: string;
  /**
   * Runs `work` in a transaction and commits when it resolves, rolls back when it rejects. After a serialization failure
   * or a deadlock the whole work runs again (after a jittered wait), so it must have no effects but those through `tx`;
   * what else must happen goes into `tx.afterCommit`.
   *
   * Taking a second connection of this database inside `work` (a nested transaction or a plain query) can starve the
   * pool, so it fails with AppError INTERNAL `NESTED_TRANSACTION`.
   */
  withTransaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * Calls `onNotify` with the payload of each NOTIFY on `channel` (channels are shared by all schemas of a database, so
   * put the schema into the name). Resolves once the server listens. One dedicated connection serves all listeners of
   * this Database; when it is lost it is made again, endlessly, and `onNotify('')` then says that notifications may have
   * been missed. `onNotify` must not throw.
   */
  listen(channel: string, onNotify: (payload: string) => void): Promise<Subscription>;
  /** Ends the listeners, waits for open transactions and closes all connections. Safe to call twice. */
  close(): Promise<void>;
}
