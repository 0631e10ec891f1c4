import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createScratchDatabase } from '../test/scratch.ts';
import type { Database } from './index.ts';
import { migrate, openDatabase } from './index.ts';

let scratch: Awaited<ReturnType<typeof createScratchDatabase>>;
let database: Database;
let directory: string;
let schemas = 0;

beforeAll(async () => {
  scratch = await createScratchDatabase();
});
afterAll(() => scratch.drop());

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-migrations-'));
  database = open(`s${++schemas}`);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const open = (schema: string) => openDatabase({ url: scratch.url, schema, applicationName: 'migrate', poolMax: 2 });
const write = (name: string, sql: string) => writeFile(join(directory, name), sql);
const sets = () => [{ name: 'main', directory }];

test('20 migrators at once apply each migration once, in order', async () => {
  await write('000001_first.sql', 'create table a (n int); insert into a values (1)');
  await write('000002_second.sql', 'update a set n = n * 10 + 2');
  await write('000003_third.sql', 'update a set n = n * 10 + 3');
  const migrators = Array.from({ length: 20 }, () => open(database.schema));
  const outcomes = await Promise.all(migrators.map((db) => migrate(db, sets())));
  expect(await database.query('select n from a')).toEqual([{ n: 123 }]);
  expect(outcomes.flatMap(({ applied }) => applied).sort()).toEqual([
    'main/000001_first',
    'main/000002_second',
    'main/000003_third',
  ]);
  await Promise.all([...migrators, database].map((db) => db.close()));
});

test('a migration that fails leaves nothing behind, and what came before stays', async () => {
  await write('000001_good.sql', 'create table good (n int)');
  await write('000002_bad.sql', 'create table half (n int); select * from missing');
  await expect(migrate(database, sets())).rejects.toMatchObject({
    reason: 'MIGRATION_FAILED',
    fields: { migration: 'main/000002_bad' },
  });
  expect(await database.one(`select to_regclass('good')::text good, to_regclass('half')::text half`)).toEqual({
    good: 'good',
    half: null,
  });
  await write('000002_bad.sql', 'create table half (n int)');
  expect(await migrate(database, sets())).toEqual({ applied: ['main/000002_bad'] });
  expect(await migrate(database, sets())).toEqual({ applied: [] });
  await database.close();
});

test('an edited file, a late number and an unknown breaking migration are refused', async () => {
  await write('000002_two.sql', 'create table two (n int)');
  await write('000003_three.sql', '--! breaking\ncreate table three (n int)');
  await migrate(database, sets());

  await write('000001_late.sql', 'select 1');
  await expect(migrate(database, sets())).rejects.toMatchObject({ reason: 'MIGRATION_OUT_OF_ORDER' });
  await rm(join(directory, '000001_late.sql'));

  await write('000002_two.sql', 'create table two (n bigint)');
  await expect(migrate(database, sets())).rejects.toMatchObject({ reason: 'MIGRATION_CHANGED' });
  await rm(join(directory, '000002_two.sql'));
  expect(await migrate(database, sets())).toEqual({ applied: [] }); // unknown, but old processes may run on it

  await rm(join(directory, '000003_three.sql'));
  await expect(migrate(database, sets())).rejects.toMatchObject({ reason: 'SCHEMA_TOO_NEW' });
  await database.close();
});

test('a badly named or doubled file is refused before anything is applied', async () => {
  await write('000001_a.sql', 'create table a (n int)');
  await write('000001_b.sql', 'create table b (n int)');
  await expect(migrate(database, sets())).rejects.toMatchObject({ reason: 'MIGRATION_FILE_INVALID' });
  await rm(join(directory, '000001_b.sql'));
  await write('2_b.sql', 'create table b (n int)');
  await expect(migrate(database, sets())).rejects.toMatchObject({ reason: 'MIGRATION_FILE_INVALID' });
  expect(await database.one(`select to_regclass('a')::text a`)).toEqual({ a: null });
  await database.close();
});
