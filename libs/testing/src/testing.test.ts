import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openDatabase } from '@millrace/postgres';
import { createTestDatabase, temporaryDirectory, waitFor } from './index.ts';

test('databases made at once from the same migrations are clones that do not see each other', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(join(directory.path, '000001_item.sql'), 'create table item (n int)');
  const options = { schema: 'store', migrations: [{ name: 'main', directory: directory.path }] };
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => createTestDatabase(options)));
  await a!.database.execute('insert into item values (1)');
  expect(await b!.database.query('select n from item')).toEqual([]);
  expect(new Set([a!.url, b!.url, c!.url]).size).toBe(3);
  await Promise.all([a!.drop(), b!.drop(), c!.drop()]);
});

test('changed migrations give a new template, and dropping removes the database even when it is in use', async () => {
  await using directory = await temporaryDirectory();
  const options = { schema: 'store', migrations: [{ name: 'main', directory: directory.path }] };
  const first = await createTestDatabase(options);
  await writeFile(join(directory.path, '000001_item.sql'), 'create table item (n int)');
  await using second = await createTestDatabase(options);
  const sql = `select to_regclass('item')::text item`;
  expect(await first.database.one(sql)).toEqual({ item: null });
  expect(await second.database.one(sql)).toEqual({ item: 'item' });

  const user = openDatabase({ url: first.url, schema: 'store', applicationName: 'left open' });
  await user.query('select 1');
  await first.drop();
  await first.drop();
  await expect(user.query('select 1')).rejects.toThrow();
  await user.close();
});

test('without migrations there is an empty schema', async () => {
  await using own = await createTestDatabase({ schema: 'bare' });
  await own.database.execute('create table x (n int)');
  expect(await own.database.one(`select table_schema from information_schema.tables where table_name = 'x'`)).toEqual({
    table_schema: 'bare',
  });
});

test('waitFor resolves when the condition holds and names what it waited for when it does not', async () => {
  let asked = 0;
  await waitFor(() => ++asked === 3);
  expect(asked).toBe(3);
  await expect(waitFor(async () => false, { timeoutMs: 20, what: 'the end of time' })).rejects.toMatchObject({
    reason: 'CONDITION_NOT_MET',
    message: expect.stringContaining('the end of time'),
  });
});

test('a temporary directory is removed with what is in it', async () => {
  let path: string;
  {
    await using directory = await temporaryDirectory();
    path = directory.path;
    await writeFile(join(path, 'x'), 'x');
  }
  expect(existsSync(path)).toBe(false);
});
