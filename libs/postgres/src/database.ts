import { invariant } from '@millrace/kernel';
import pg from 'pg';
import { clientConfig, spanTarget } from './connectionOptions.ts';
import { Listener } from './listener.ts';
import { createQueryable } from './session.ts';
import { Transactions } from './transaction.ts';
import type { Database } from './types.ts';

const POOL_MAX_DEFAULT = 8;
const STATEMENT_TIMEOUT_DEFAULT_MS = 30_000;
/** An idle connection costs the server a few MiB; it is closed after this time. */
const IDLE_TIMEOUT_MS = 10_000;
/** A transaction that sits idle for longer has lost its owner; the server ends it. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;

/** What a {@link Database} connects to. */
export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** The only schema of the search path: lower-case letters, digits and `_`. It need not exist yet (see `migrate`). */
  readonly schema: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Most connections at a time, besides the one for LISTEN. Default 8. */
  readonly poolMax?: number;
  /** A statement that takes longer is cancelled by the server. Default 30,000; 0 turns it off. */
  readonly statementTimeoutMs?: number;
}

const pools = new WeakMap<Database, pg.Pool>();

/** The pool behind a database, for COPY. */
export function poolOf(database: Database): pg.Pool | undefined {
  return pools.get(database);
}

/** Opens a database. Connections are made when they are needed, so this neither waits nor fails when the server is away. */
export function openDatabase(options: DatabaseOptions): Database {
  const { schema } = options;
  invariant(/^[a-z_][a-z0-9_]{0,62}$/.test(schema), `"${schema}" is not a valid schema name`);
  const config = clientConfig({
    url: options.url,
    applicationName: options.applicationName,
    settings: {
      search_path: schema,
      statement_timeout: String(options.statementTimeoutMs ?? STATEMENT_TIMEOUT_DEFAULT_MS),
      idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_TIMEOUT_MS),
    },
  });
  const pool = new pg.Pool({ ...config, max: options.poolMax ?? POOL_MAX_DEFAULT, idleTimeoutMillis: IDLE_TIMEOUT_MS });
  pool.on('error', () => undefined); // an idle connection was lost; the pool has dropped it
  const target = spanTarget(options.url, schema);
  const transactions = new Transactions(pool, schema, target);
  const listener = new Listener(config);
  let closing: Promise<void> | undefined;

  const database: Database = {
    ...createQueryable(target, async (sql, params) => {
      transactions.assertOutside();
      return await pool.query(sql, params as unknown[] | undefined);
    }),
    schema,
    withTransaction: (work, transactionOptions) => transactions.run(work, transactionOptions),
    listen: (channel, onNotify) => listener.listen(channel, onNotify),
    close() {
      closing ??= Promise.all([listener.close(), pool.end()]).then(() => undefined);
      return closing;
    },
  };
  pools.set(database, pool);
  return database;
}
