import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createScratchDatabase, until } from '../test/scratch.ts';
import type { Database } from './index.ts';
import { isUniqueViolation, openDatabase } from './index.ts';

let scratch: Awaited<ReturnType<typeof createScratchDatabase>>;
let db: Database;

beforeAll(async () => {
  scratch = await createScratchDatabase();
  db = openDatabase({ url: scratch.url, schema: 'ingestion', applicationName: 'test', statementTimeoutMs: 5000 });
  await db.execute('create schema ingestion; create table item (id int8 primary key, n int not null, doc jsonb)');
});
afterAll(async () => {
  await db.close();
  await scratch.drop();
});

test('rows come back in the documented types', async () => {
  const row = await db.one<Record<string, unknown>>(
    `select 9007199254740991::int8 big, array[1,null]::int8[] bigs, 1.10::numeric num, array[0.1]::numeric[] nums,
       '2026-03-29T02:30:00Z'::timestamptz at, '2026-03-29'::date as day, '2026-03-29 02:30'::timestamp naive,
       '{"a":[1]}'::jsonb doc, $1::bytea bytes, $2::timestamptz given, $3::text[] texts`,
    [new Uint8Array([1, 255]), new Date(0), ['a', 'b,"c']],
  );
  expect(row).toEqual({
    big: 9007199254740991,
    bigs: [1, null],
    num: '1.10',
    nums: ['0.1'],
    at: new Date('2026-03-29T02:30:00Z'),
    day: '2026-03-29',
    naive: '2026-03-29 02:30:00',
    doc: { a: [1] },
    bytes: Buffer.from([1, 255]),
    given: new Date(0),
    texts: ['a', 'b,"c'],
  });
});

test('an int8 that is not exact fails the query instead of being rounded, and the connection goes on', async () => {
  await expect(db.query('select 9007199254740993::int8 big')).rejects.toThrow('9007199254740993');
  expect(await db.one('select 1 one')).toEqual({ one: 1 });
});

test('one and maybeOne count the rows', async () => {
  await expect(db.one('select 1 where false')).rejects.toThrow('expected one row, got 0');
  await expect(db.maybeOne('select generate_series(1, 2)')).rejects.toThrow('expected at most one row, got 2');
  expect(await db.maybeOne('select 1 where false')).toBeUndefined();
});

test('every connection sees only its schema, in UTC, under its name and timeout', async () => {
  expect(
    await db.one(`select current_setting('search_path') path, current_setting('TimeZone') zone,
      current_setting('application_name') app, current_setting('statement_timeout') timeout`),
  ).toEqual({ path: 'ingestion', zone: 'UTC', app: 'test', timeout: '5s' });
});

test('a transaction commits when the work resolves, rolls back when it rejects; afterCommit follows only a commit', async () => {
  const called: string[] = [];
  await db.withTransaction(async (tx) => {
    tx.afterCommit(() => called.push('committed'));
    await Promise.all([1, 2, 3].map((id) => tx.execute('insert into item values ($1, 0)', [id])));
  });
  await expect(
    db.withTransaction(async (tx) => {
      tx.afterCommit(() => called.push('never'));
      await tx.execute('delete from item');
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(await db.one('select count(*) n from item')).toEqual({ n: 3 });
  expect(called).toEqual(['committed']);
});

test('a unique violation stays the error of the server and names its constraint', async () => {
  const error = await db.execute('insert into item values (1, 0)').catch((e: unknown) => e);
  expect(isUniqueViolation(error)).toBe(true);
  expect(isUniqueViolation(error, 'item_pkey')).toBe(true);
  expect(isUniqueViolation(error, 'other')).toBe(false);
  expect(isUniqueViolation(new Error('23505'))).toBe(false);
});

test('a failure swallowed inside a transaction does not pass for a commit', async () => {
  const work = db.withTransaction(async (tx) => {
    await tx.execute('insert into item values (1, 0)').catch(() => undefined);
  });
  await expect(work).rejects.toMatchObject({ reason: 'TRANSACTION_ABORTED' });
});

test('a second connection inside a transaction is refused, after it and beside it it is not', async () => {
  let late: (() => Promise<unknown>) | undefined;
  await db.withTransaction(async () => {
    await expect(db.withTransaction(async () => 1)).rejects.toMatchObject({ reason: 'NESTED_TRANSACTION' });
    await expect(db.query('select 1')).rejects.toMatchObject({ reason: 'NESTED_TRANSACTION' });
    late = () => db.query('select 1');
  });
  expect(await late?.()).toHaveLength(1);
});

test('a transaction cannot be used when it has ended', async () => {
  const tx = await db.withTransaction(async (open) => open);
  await expect(tx.query('select 1')).rejects.toMatchObject({ reason: 'TRANSACTION_ENDED' });
});

test('concurrent increments under serializable are all kept: conflicts are retried', async () => {
  await db.execute('insert into item values (100, 0)');
  let attempts = 0;
  const increment = () =>
    db.withTransaction(
      async (tx) => {
        attempts++;
        const { n } = await tx.one<{ n: number }>('select n from item where id = 100');
        await tx.execute('update item set n = $1 where id = 100', [n + 1]);
      },
      { isolation: 'serializable', retries: 50 },
    );
  await Promise.all(Array.from({ length: 8 }, increment));
  expect(await db.one('select n from item where id = 100')).toEqual({ n: 8 });
  expect(attempts).toBeGreaterThan(8);
});

test('a deadlock is resolved by a retry', async () => {
  await db.execute('insert into item values (201, 0), (202, 0)');
  const { promise: bothHold, resolve } = Promise.withResolvers<void>();
  let holding = 0;
  const update = (first: number, second: number) =>
    db.withTransaction(async (tx) => {
      await tx.execute('update item set n = n + 1 where id = $1', [first]);
      if (++holding === 2) resolve();
      await bothHold;
      await tx.execute('update item set n = n + 1 where id = $1', [second]);
    });
  await Promise.all([update(201, 202), update(202, 201)]);
  expect(await db.query('select n from item where id in (201, 202)')).toEqual([{ n: 2 }, { n: 2 }]);
  expect(holding).toBe(3);
});

test('retries are bounded', async () => {
  let attempts = 0;
  const work = db.withTransaction(
    async (tx) => {
      attempts++;
      await tx.execute(`do $$ begin raise exception 'again' using errcode = '40001'; end $$`);
    },
    { retries: 2 },
  );
  await expect(work).rejects.toMatchObject({ code: '40001' });
  expect(attempts).toBe(3);
});

test('a statement over its time is cancelled by the server', async () => {
  const hasty = openDatabase({
    url: scratch.url,
    schema: 'ingestion',
    applicationName: 'hasty',
    statementTimeoutMs: 50,
  });
  await expect(hasty.query('select pg_sleep(10)')).rejects.toMatchObject({ code: '57014' });
  await hasty.close();
});

test('a connection killed by the server fails its transaction as UNAVAILABLE and leaves the pool working', async () => {
  const work = db.withTransaction(async (tx) => {
    const { pid } = await tx.one<{ pid: number }>('select pg_backend_pid() pid');
    await scratch.admin.query('select pg_terminate_backend($1)', [pid]);
    await tx.query('select 1');
  });
  await expect(work).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
  expect(await db.one('select 1 one')).toEqual({ one: 1 });
});

test('no server is UNAVAILABLE, without the password in the message', async () => {
  const nowhere = openDatabase({ url: 'postgres://u:secret@127.0.0.1:1/x', schema: 'a', applicationName: 'a' });
  const error = (await nowhere.query('select 1').catch((e: unknown) => e)) as Error;
  expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
  expect(error.message).not.toContain('secret');
  await nowhere.close();
});

test('listeners hear notifications, and again after their connection was killed', async () => {
  const heard: string[] = [];
  const other: string[] = [];
  const subscription = await db.listen('ingestion_jobs', (payload) => heard.push(payload));
  await db.listen('ingestion_jobs', (payload) => other.push(payload));
  await db.withTransaction((tx) => tx.query(`select pg_notify('ingestion_jobs', 'one')`));
  await until(() => heard.length === 1 && other.length === 1);

  await scratch.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test' and query ilike 'listen%'`,
  );
  await until(() => heard.length === 2);
  await db.query(`select pg_notify('ingestion_jobs', 'two')`);
  await until(() => heard.length === 3);
  expect(heard).toEqual(['one', '', 'two']);

  await subscription.close();
  await db.query(`select pg_notify('ingestion_jobs', 'three')`);
  await until(() => other.length === 4);
  expect(heard).toHaveLength(3);
});

test('closing ends listeners and may be done twice', async () => {
  const own = openDatabase({ url: scratch.url, schema: 'ingestion', applicationName: 'closing' });
  await own.listen('x', () => undefined);
  await own.query('select 1');
  await Promise.all([own.close(), own.close()]);
  await until(async () => {
    const left = await scratch.admin.query(`select 1 from pg_stat_activity where application_name = 'closing'`);
    return left.rowCount === 0;
  });
  await expect(own.listen('x', () => undefined)).rejects.toMatchObject({ reason: 'DATABASE_CLOSED' });
});
