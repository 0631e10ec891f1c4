import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { tableFromIPC } from 'apache-arrow';
import { evolveSchema, toArrowIpc } from './index.ts';
import {
  appendManifest,
  createManifest,
  diffManifests,
  loadManifest,
  manifestDigest,
  replaceManifest,
  rewriteManifest,
  saveManifest,
} from './manifest.ts';
import { schemaOf } from './schema.ts';
import { openTestEngine } from './testing.ts';

let rig: Awaited<ReturnType<typeof openTestEngine>>;
beforeAll(async () => {
  rig = await openTestEngine();
});
afterAll(() => rig.close());

test('rows become files with statistics, and the same rows give the same version digest', async () => {
  const sql =
    "SELECT range AS n, range / 4.0 AS x, CASE WHEN range % 2 = 0 THEN 'é' || range END AS s FROM range(1000)";
  const [a, b] = [await rig.dataset(sql), await rig.dataset(sql)];
  expect(a.files[0]!.columns).toEqual({
    1: { min: 0, max: 999, nulls: 0 },
    2: { min: 0, max: 249.75, nulls: 0 },
    3: { min: 'é0', max: 'é998', nulls: 500 },
  });
  expect(manifestDigest(a)).toBe(manifestDigest({ ...b, createdTime: '2026-01-01T00:00:00Z' }));
  const digest = await saveManifest(rig.blobs, a);
  expect(digest).toBe(manifestDigest(a));
  expect(await loadManifest(rig.blobs, digest)).toEqual(a);
  expect(await readdir(join(rig.directory, 'tmp'), { recursive: true })).toHaveLength(1);
});

test('a long result is cut into files in order, and a sort is kept', async () => {
  const spec = {
    sql: 'SELECT (range * 7919) % 1000 AS n FROM range(1000)',
    sortBy: [{ column: 'n' }],
    fileRowsMax: 300,
  };
  const { schema, files, rows } = await rig.engine.writeParquet(spec);
  expect([rows, files.map((file) => file.rows)]).toEqual([1000, [300, 300, 300, 100]]);
  expect(files.map((file) => file.columns[1]!.min)).toEqual([0, 300, 600, 900]);
  const version = createManifest('d', { schema, files });
  const { columns } = await rig.engine.withConnection((c) => c.table('SELECT n FROM d'), { inputs: { d: version } });
  expect([...(columns.n!.values as BigInt64Array)].map(Number)).toEqual([...Array(1000).keys()]);
});

test('a version reads files of older schemas: added, renamed and widened columns', async () => {
  const old = await rig.dataset("SELECT 1::INTEGER AS a, 'x' AS b, 1.5::FLOAT AS f");
  const { schema } = evolveSchema(
    old.schema,
    [
      { name: 'a', type: 'int64' },
      { name: 'b', type: 'string' },
      { name: 'f', type: 'float64' },
      { name: 'new "col"', type: 'date' },
    ],
    { columns: 'evolve', types: 'evolve' },
  );
  const renamed = { ...schema, fields: schema.fields.map((f) => (f.name === 'b' ? { ...f, name: 'bee' } : f)) };
  const sql = `SELECT 5000000000 AS a, 'y' AS bee, 2.25 AS f, DATE '2001-02-03' AS "new ""col"""`;
  const written = await rig.engine.writeParquet({ sql, schema: renamed });
  const version = appendManifest(old, { files: written.files, schema: renamed });
  const rows = await rig.engine.withConnection((c) => c.rows('SELECT * FROM v ORDER BY a'), { inputs: { v: version } });
  expect(rows).toEqual([
    { a: 1, bee: 'x', f: 1.5, 'new "col"': null },
    { a: 5_000_000_000, bee: 'y', f: 2.25, 'new "col"': '2001-02-03' },
  ]);
  const diff = diffManifests(old, version);
  expect([diff.rowsAdded, diff.rowsRemoved, diff.schema.map((c) => c.kind)]).toEqual([
    1,
    0,
    ['retyped', 'renamed', 'retyped', 'added'],
  ]);
});

test('replace, merge and delete keep lineage and count rows', async () => {
  const first = await rig.dataset('SELECT 1 AS a FROM range(10)');
  const other = await rig.dataset('SELECT 2 AS a FROM range(4)');
  const appended = appendManifest(first, { files: other.files, cursor: { last: 4 } });
  const deleted = rewriteManifest(appended, 'delete', { files: [], removed: [first.files[0]!.digest] });
  const emptied = replaceManifest(deleted, { files: [] });
  expect([appended.rows, deleted.rows, emptied.rows, emptied.sequence]).toEqual([14, 4, 0, 4]);
  expect(deleted).toMatchObject({ parent: manifestDigest(appended), cursor: { last: 4 }, operation: 'delete' });
  const rows = await rig.engine.withConnection((c) => c.rows('SELECT count(*) AS n FROM v'), {
    inputs: { v: emptied },
  });
  expect(rows).toEqual([{ n: 0 }]);
});

test('the schema contract: freeze, rules for rows, and what cannot be widened', () => {
  const current = schemaOf([
    { name: 'a', type: 'int32', nullable: false },
    { name: 'b', type: 'string' },
  ]);
  const incoming = [
    { name: 'A', type: 'string' as const },
    { name: 'c', type: 'date' as const },
  ];
  const frozen = expect.objectContaining({ code: 'FAILED_PRECONDITION', reason: 'SCHEMA_FROZEN' });
  expect(() => evolveSchema(current, incoming, { columns: 'freeze', types: 'freeze' })).toThrow(frozen);
  expect(() => evolveSchema(current, incoming, { columns: 'evolve', types: 'evolve' })).toThrow(frozen);
  expect(() => evolveSchema(current, [], { columns: 'evolve', types: 'evolve' })).toThrow(frozen);
  const ruled = evolveSchema(current, incoming, { columns: 'discard_row', types: 'quarantine' });
  expect(ruled.schema).toEqual(current);
  expect(ruled.rowRules).toEqual([
    { column: 'a', kind: 'wrong_type', incoming: 'string', expected: 'int32', action: 'quarantine' },
    { column: 'c', kind: 'unknown_column', incoming: 'date', action: 'discard_row' },
  ]);
  expect(ruled.missing).toEqual(['b']);
});

test('a required column without values, and types that no dataset can hold, are refused', async () => {
  const schema = schemaOf([{ name: 'a', type: 'int64', nullable: false }]);
  await expect(rig.engine.writeParquet({ sql: 'SELECT NULL AS a', schema })).rejects.toMatchObject({
    reason: 'COLUMN_NOT_NULLABLE',
    fields: { column: 'a' },
  });
  await expect(rig.engine.writeParquet({ sql: 'SELECT [1, 2] AS l' })).rejects.toMatchObject({
    reason: 'COLUMN_TYPE_UNSUPPORTED',
  });
});

test('every type comes back by column, as rows and as Arrow', async () => {
  const sql =
    `SELECT * FROM (VALUES (true, 1::TINYINT, 300::USMALLINT, 18446744073709551615::UBIGINT, 1.5::FLOAT, 1.25::DECIMAL(10,2), DATE '2001-01-02',
    TIMESTAMP '2001-01-02 03:04:05.678901', TIMESTAMPTZ '2001-01-02 03:04:05+00', 'a longer text than twelve', '\\xAA'::BLOB, sum_of), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL))
    t(b, i, u, ub, f, d, dt, ts, tz, s, bl, h), (SELECT 5::HUGEINT AS sum_of)`
      .replace(/, sum_of\)/, ', 5::HUGEINT)')
      .replace(/,\s*\(SELECT 5.*$/, '');
  const result = await rig.engine.query(sql, { datasets: {} });
  expect(result.schema.map((c) => c.type)).toEqual([
    'boolean',
    'int8',
    'uint16',
    'uint64',
    'float32',
    'decimal(10,2)',
    'date',
    'timestamp',
    'timestamptz',
    'string',
    'binary',
    'int64',
  ]);
  const pieces: Uint8Array[] = [];
  for await (const piece of toArrowIpc(result.schema, result.batches)) pieces.push(piece);
  const table = tableFromIPC(Buffer.concat(pieces));
  expect(table.numRows).toBe(2);
  const row = table.get(0)!.toJSON();
  expect(row).toMatchObject({
    b: true,
    i: 1,
    u: 300,
    ub: 18446744073709551615n,
    f: 1.5,
    s: 'a longer text than twelve',
    h: 5n,
  });
  expect(String(row.d)).toBe('125');
  expect(Object.values(table.get(1)!.toJSON()).every((value) => value === null)).toBe(true);
  const [first] = await rig.engine.withConnection((c) => c.rows(sql));
  expect(first).toMatchObject({
    d: 1.25,
    dt: '2001-01-02',
    ts: new Date('2001-01-02T03:04:05.678Z'),
    tz: new Date('2001-01-02T03:04:05Z'),
  });
});

test('parameters, interruption, and out-of-memory that spills', async () => {
  await rig.engine.withConnection(async (c) => {
    const parameters = { n: 7, x: 0.5, s: "a'b", t: new Date('2001-01-01T00:00:00Z'), none: null };
    expect(await c.rows('SELECT $n + 1 AS n, $x AS x, $s AS s, $t AS t, $none AS z', parameters)).toEqual([
      { n: 8, x: 0.5, s: "a'b", t: parameters.t, z: null },
    ]);
  });
  const abort = new AbortController();
  const long = rig.engine.withConnection(
    (c) => {
      const running = c.rows('SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b');
      abort.abort();
      return running;
    },
    { signal: abort.signal },
  );
  await expect(long).rejects.toMatchObject({ code: 'CANCELLED' });
  const sorted = await rig.engine.writeParquet({
    sql: 'SELECT range AS n, md5(range::VARCHAR) || md5(range::VARCHAR) AS s FROM range(2000000) ORDER BY s',
  });
  expect(sorted.rows).toBe(2_000_000);
});
