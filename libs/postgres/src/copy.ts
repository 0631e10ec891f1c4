import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { invariant } from '@millrace/kernel';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { encodeRows } from './copyText.ts';
import { poolOf } from './database.ts';
import { translateError } from './errors.ts';
import type { Session } from './session.ts';
import { sessionOf } from './transaction.ts';
import type { Database, Tx } from './types.ts';

/**
 * Writes rows in bulk with COPY … FROM STDIN and gives their number. Each row has the values of `columns` in order,
 * written as parameters are (see `Queryable`). Given a transaction, the rows are part of it; given a database, all or
 * none are written, in a transaction of its own that is not retried, since `rows` can be read once only.
 * Memory stays bounded: rows are taken as fast as the server takes them.
 */
export async function copyIn(
  target: Tx | Database,
  table: string,
  columns: readonly string[],
  rows: AsyncIterable<readonly unknown[]> | Iterable<readonly unknown[]>,
): Promise<number> {
  if ('withTransaction' in target) {
    return await target.withTransaction((tx) => copyIn(tx, table, columns, rows), { retries: 0 });
  }
  const session: Session | undefined = sessionOf(target);
  invariant(session, 'copyIn() takes a transaction or a database of openDatabase()');
  const names = columns.map((column) => pg.escapeIdentifier(column)).join(', ');
  const sql = `copy ${pg.escapeIdentifier(table)} (${names}) from stdin`;
  const counter = { rows: 0 };
  await session.exclusively(async (client) => {
    await client.query('set local statement_timeout = 0'); // the time is that of the rows' source, too
    try {
      await pipeline(Readable.from(encodeRows(rows, counter)), client.query(copyFrom(sql)));
    } catch (error) {
      throw translateError(error);
    }
  });
  return counter.rows;
}

/**
 * The bytes of a `COPY (query) TO STDOUT (…)`, as the server sends them, read in a read-only transaction without a
 * statement timeout. Back-pressure reaches the server. Destroying the stream early closes the connection; errors
 * arrive as the stream's. `sql` has no parameters: it must not be built from untrusted values.
 */
export function copyOut(database: Database, sql: string): Readable {
  const pool = poolOf(database);
  invariant(pool, 'copyOut() takes a database of openDatabase()');
  return copyOutOf(pool, sql);
}

/** {@link copyOut} over any pool. */
export function copyOutOf(pool: pg.Pool, sql: string): Readable {
  const output = new PassThrough();
  void stream(pool, sql, output).catch((error) => output.destroy(translateError(error) as Error));
  return output;
}

async function stream(pool: pg.Pool, sql: string, output: PassThrough): Promise<void> {
  const client = await pool.connect();
  const ignoreLoss = () => undefined; // the stream reports the loss
  client.on('error', ignoreLoss);
  let isClean = false;
  try {
    await client.query('begin read only; set local statement_timeout = 0');
    await pipelineCopy(client, sql, output);
    await client.query('commit');
    isClean = true;
  } finally {
    client.off('error', ignoreLoss);
    client.release(!isClean);
  }
  output.end();
}

/** `output` is ended by the caller, after the commit: who has seen the end has seen all of a finished transaction. */
function pipelineCopy(client: pg.ClientBase, sql: string, output: PassThrough): Promise<void> {
  if (output.destroyed) throw new Error('The stream was destroyed before it began.');
  const source = client.query(copyTo(sql));
  return new Promise((resolve, reject) => {
    source.once('error', reject);
    source.once('end', resolve);
    output.once('close', () => reject(new Error('The stream was destroyed before its end.')));
    source.pipe(output, { end: false });
  });
}
