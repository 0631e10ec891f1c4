import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createScratchDatabase, until } from '../test/scratch.ts';
import type { Database, ForeignDatabase } from './index.ts';
import { copyIn, copyOut, openDatabase, openForeignDatabase } from './index.ts';

let scratch: Awaited<ReturnType<typeof createScratchDatabase>>;
let db: Database;
let foreign: ForeignDatabase;

beforeAll(async () => {
  scratch = await createScratchDatabase();
  db = openDatabase({ url: scratch.url, schema: 'online', applicationName: 'copy' });
  foreign = openForeignDatabase(scratch.url);
  await db.execute(`create schema online;
    create table kinds (id int8, t text, f float8, at timestamptz, b bytea, a text[], doc jsonb, ok bool);
    create table many (id int8 primary key, v text)`);
});
afterAll(async () => {
  await foreign.close();
  await db.close();
  await scratch.drop();
});

const COLUMNS = ['id', 't', 'f', 'at', 'b', 'a', 'doc', 'ok'];

test('every kind of value comes back as it went in', async () => {
  const rows = [
    [
      1,
      'tab\tnew\nline\r back\\slash \\N',
      Number.NaN,
      new Date(1.7e12),
      Buffer.from([0, 92, 255]),
      ['a"b', 'c\\d', null, 'NULL', ''],
      { k: 'x\\n\n"' },
      true,
    ],
    [9_007_199_254_740_991n, '', Number.NEGATIVE_INFINITY, null, Buffer.alloc(0), [], { empty: [] }, false],
    [null, undefined, -0, null, null, null, null, null],
  ];
  expect(await copyIn(db, 'kinds', COLUMNS, rows)).toBe(3);
  const back = await db.query<Record<string, unknown>>('select * from kinds');
  expect(back.map((row) => COLUMNS.map((column) => row[column]))).toEqual([
    rows[0],
    [9_007_199_254_740_991, '', Number.NEGATIVE_INFINITY, null, Buffer.alloc(0), [], { empty: [] }, false],
    [null, null, -0, null, null, null, null, null],
  ]);
});

test('rows of a transaction go with it; a bad row or a failing source writes nothing and leaves the pool working', async () => {
  await expect(
    db.withTransaction(async (tx) => {
      await copyIn(tx, 'many', ['id', 'v'], [[1, 'a']]);
      expect(await tx.query('select id from many')).toEqual([{ id: 1 }]);
      throw new Error('undo');
    }),
  ).rejects.toThrow('undo');
  await expect(
    copyIn(
      db,
      'many',
      ['id', 'v'],
      [
        [1, 'a'],
        ['x', 'b'],
      ],
    ),
  ).rejects.toMatchObject({ code: '22P02' });
  const failing = async function* () {
    yield [1, 'a'];
    throw new Error('source broke');
  };
  await expect(copyIn(db, 'many', ['id', 'v'], failing())).rejects.toThrow('source broke');
  expect(await db.query('select id from many')).toEqual([]);
});

test('100,000 rows go in and come out again as CSV', async () => {
  const rows = function* () {
    for (let id = 0; id < 100_000; id++) yield [id, `value ${id}`];
  };
  expect(await copyIn(db, 'many', ['id', 'v'], rows())).toBe(100_000);
  const csv = await text(copyOut(db, 'copy (select id, v from many order by id) to stdout (format csv)'));
  const lines = csv.split('\n');
  expect(lines).toHaveLength(100_001);
  expect(lines[54_321]).toBe('54321,value 54321');
});

test('an error of the query is the error of the stream; a stream destroyed early gives its connection up', async () => {
  await expect(text(copyOut(db, 'copy (select 1 / 0) to stdout'))).rejects.toMatchObject({ code: '22012' });
  await expect(text(copyOut(db, 'copy (select missing) to stdout'))).rejects.toMatchObject({ code: '42703' });
  const endless = copyOut(db, `copy (select repeat('x', 1000), generate_series(1, 100000000)) to stdout`);
  await once(endless, 'readable');
  endless.destroy();
  await until(async () => {
    const { rowCount } = await scratch.admin.query(
      `select 1 from pg_stat_activity where query like 'copy (select repeat%'`,
    );
    return rowCount === 0;
  });
  expect(await db.one('select 1 one')).toEqual({ one: 1 });
});

test('a foreign database is described and read, and cannot be written', async () => {
  expect(await foreign.describe('select id, a, 1.5::numeric(10,2) as price from online.kinds -- end')).toEqual([
    { name: 'id', type: 'bigint' },
    { name: 'a', type: 'text[]' },
    { name: 'price', type: 'numeric(10,2)' },
  ]);
  expect(await text(foreign.copyOut(`copy (select 1, 'a,b') to stdout (format csv, header)`))).toBe(
    '?column?,?column?\n1,"a,b"\n',
  );
  expect(await foreign.query('select $1::int n', [7])).toEqual([{ n: 7 }]);
  await expect(foreign.query('create table online.x ()')).rejects.toMatchObject({ code: '25006' });
  await expect(foreign.query('set default_transaction_read_only = off; delete from online.many')).rejects.toMatchObject(
    {
      code: '42601',
    },
  );
  await expect(foreign.describe('select nothing')).rejects.toMatchObject({ code: '42703' });
  await expect(text(foreign.copyOut('copy (delete from online.many returning id) to stdout'))).rejects.toMatchObject({
    code: '25006',
  });
});
