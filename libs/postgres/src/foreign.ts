import type { Readable } from 'node:stream';
import pg from 'pg';
import { clientConfig, spanTarget } from './connectionOptions.ts';
import { copyOutOf } from './copy.ts';
import { translateError } from './errors.ts';
import { createQueryable } from './session.ts';
import type { Queryable } from './types.ts';

const POOL_MAX = 2;
const IDLE_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 60_000;

/** A column of a query's result. */
export interface ForeignColumn {
  readonly name: string;
  /** PostgreSQL's name of the type with its modifiers, for example `numeric(10,2)` or `timestamp with time zone`. */
  readonly type: string;
}

/** A user's database that we read from. Every transaction on it is read-only; the search path is the user's own. */
export interface ForeignDatabase extends Pick<Queryable, 'query' | 'one' | 'maybeOne'> {
  /** The columns of a query, found without running it. */
  describe(sql: string, params?: readonly unknown[]): Promise<ForeignColumn[]>;
  /** The bytes of a `COPY (query) TO STDOUT (format csv)`; see `copyOut`. One statement sees one snapshot. */
  copyOut(sql: string): Readable;
  /** Closes all connections; waits for what runs. */
  close(): Promise<void>;
}

/** Opens a user's source database by its URL (`postgres://…`, with `sslmode` and so on as the user gave them). */
export function openForeignDatabase(url: string): ForeignDatabase {
  const config = clientConfig({
    url,
    applicationName: 'millrace-source',
    settings: { default_transaction_read_only: 'on', statement_timeout: String(STATEMENT_TIMEOUT_MS) },
  });
  const pool = new pg.Pool({ ...config, max: POOL_MAX, idleTimeoutMillis: IDLE_TIMEOUT_MS });
  pool.on('error', () => undefined); // an idle connection was lost; the pool has dropped it
  const { query, one, maybeOne } = createQueryable(spanTarget(url, ''), (sql, params) =>
    pool.query(singleStatement(sql, params ?? [])),
  );
  return {
    query,
    one,
    maybeOne,
    describe: (sql, params) => describe(pool, sql, params ?? []),
    copyOut: (sql) => copyOutOf(pool, sql),
    close: () => pool.end(),
  };
}

async function describe(pool: pg.Pool, sql: string, params: readonly unknown[]): Promise<ForeignColumn[]> {
  try {
    const { fields } = await pool.query(singleStatement(`select * from (${sql}\n) as described limit 0`, params));
    const oids = fields.map(({ dataTypeID }) => dataTypeID);
    const modifiers = fields.map(({ dataTypeModifier }) => dataTypeModifier);
    const { rows } = await pool.query<{ type: string }>(
      `select format_type(oid, modifier) as type
       from unnest($1::oid[], $2::int[]) with ordinality as field(oid, modifier, position) order by position`,
      [oids, modifiers],
    );
    return fields.map(({ name }, i) => ({ name, type: rows[i]?.type ?? 'unknown' }));
  } catch (error) {
    throw translateError(error);
  }
}

/** The extended protocol takes one statement only, so nothing (such as a `set`) can be smuggled in behind it. */
function singleStatement(text: string, params: readonly unknown[]): pg.QueryConfig {
  return { text, values: [...params], queryMode: 'extended' } as pg.QueryConfig;
}
