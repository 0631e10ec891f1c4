import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type FieldSpec, inspectSource, readerSql, type SourceFormat, stageSource } from './index.ts';
import { expandSourcePaths } from './source-paths.ts';
import { openTestEngine } from './testing.ts';

let rig: Awaited<ReturnType<typeof openTestEngine>>;
let directory: string;
beforeAll(async () => {
  rig = await openTestEngine();
  directory = join(rig.directory, 'source');
  await mkdir(directory);
});
afterAll(() => rig.close());

const COLUMNS: FieldSpec[] = [
  { name: 'id', type: 'int64' },
  { name: 'x', type: 'int32' },
  { name: 's', type: 'string' },
];

async function stage(format: SourceFormat, paths: string[], columns = COLUMNS) {
  return rig.engine.withConnection(async (connection) => {
    const staged = await stageSource(connection, { format, paths, columns });
    const rejects = await connection.rows(`SELECT * FROM (${staged.rejectsSql}) ORDER BY raw`);
    return { rows: await connection.rows(staged.rowsSql), rejects, rejected: staged.rejected };
  });
}

async function file(name: string, content: string | Buffer): Promise<string> {
  await writeFile(join(directory, name), content);
  return join(directory, name);
}

test('CSV: every broken row is kept with its place and reason, every good row is read', async () => {
  const lines = [
    'id,x,s',
    '1,2,a',
    '2,abc,b',
    '3,4',
    '4,5,c,extra',
    '5,6,\xff\xfe',
    '6,7,"quo',
    'ted"',
    '7,8.5,z',
    '8,,',
  ];
  const path = await file('bad[1].csv', Buffer.from(lines.join('\n'), 'latin1'));
  const { rows, rejects, rejected } = await stage('csv', await expandSourcePaths([path]));
  expect(rows).toEqual([
    { id: 1, x: 2, s: 'a' },
    { id: 6, x: 7, s: 'quo\nted' },
    { id: 8, x: null, s: null },
  ]);
  expect(rejected).toBe(5);
  expect(rejects).toMatchObject([
    { line: 3, column_name: 'x', reason: 'CAST', raw: '2,abc,b', path },
    { line: 4, reason: 'MISSING_COLUMNS', raw: '3,4' },
    { line: 5, reason: 'TOO_MANY_COLUMNS', raw: '4,5,c,extra' },
    { line: 6, reason: 'INVALID_ENCODING', raw: '5,6,??' },
    { line: null, column_name: 'x', reason: 'LOSSY_CAST', path },
  ]);
});

test('CSV files with other column orders, unknown and missing columns', async () => {
  const paths = [await file('o1.csv', 'x,id,other\n2,1,q\n'), await file('o2.csv', 's,id\nhi,9007199254740993\n')];
  const { rows, rejected } = await stage('csv', paths);
  expect(rejected).toBe(0);
  expect(rows).toEqual([
    { id: 1, x: 2, s: null },
    { id: 9007199254740993n, x: null, s: 'hi' },
  ]);
});

test('NDJSON: broken lines, wrong types, invalid UTF-8', async () => {
  const lines = [
    '{"id":1,"x":2,"s":"a"}',
    '{"id":2,"x":"abc","s":"b"}',
    '{"id":3,"x":',
    '',
    '{"id":4,"x":4.5}',
    '[1,2]',
    '{"id":5,"x":6,"s":"\xff\xfe"}',
    '{"s":{"nested":[1]},"id":6,"x":null}',
    '{"id":7,"x":3000000000}',
    '{"id":9007199254740993}',
  ];
  const path = await file('bad.ndjson', Buffer.from(lines.join('\n'), 'latin1'));
  const { rows, rejects } = await stage('ndjson', [path]);
  expect(rows).toEqual([
    { id: 1, x: 2, s: 'a' },
    { id: 6, x: null, s: '{"nested":[1]}' },
    { id: 9007199254740993n, x: null, s: null },
  ]);
  const byRaw = Object.fromEntries(rejects.map((r) => [String(r.raw), r.reason]));
  expect(byRaw).toEqual({
    '{"id":2,"x":"abc","s":"b"}': 'CAST',
    '{"id":3,"x":': 'INVALID_JSON',
    '{"id":4,"x":4.5}': 'LOSSY_CAST',
    '[1,2]': 'NOT_AN_OBJECT',
    '{"id":5,"x":6,"s":"??"}': 'INVALID_ENCODING',
    '{"id":7,"x":3000000000}': 'CAST',
  });
});

test('Parquet: fitting types are read as they are, others row by row', async () => {
  const path = join(directory, 'p.parquet');
  await rig.engine.withConnection((c) =>
    c.run(`COPY (SELECT * FROM (VALUES (1, '5', 'a'), (2, 'abc', 'b')) t(id, x, s)) TO '${path}' (FORMAT parquet)`),
  );
  const { rows, rejects } = await stage('parquet', [path]);
  expect(rows).toEqual([{ id: 1, x: 5, s: 'a' }]);
  expect(rejects).toMatchObject([
    { path, column_name: 'x', reason: 'CAST', error: 'Column "x": abc is not of type int32.' },
  ]);
  const fitting = await stage(
    'parquet',
    [path],
    [
      { name: 's', type: 'string' },
      { name: 'id', type: 'int64' },
    ],
  );
  expect([fitting.rows.length, fitting.rejected]).toEqual([2, 0]);
});

test('columns and types are found, and readerSql reads them', async () => {
  const ndjson = await file(
    'good.ndjson',
    '{"d":"2001-01-01 00:01:00","n":-5,"l":[1]}\n{"d":"2001-01-02 00:00:00","n":7,"q":0.5}\n',
  );
  const csv = await file('good.csv', 'd,n\n2001-01-01 00:01:00,-5\n');
  await rig.engine.withConnection(async (c) => {
    const columns = await inspectSource(c, { format: 'ndjson', paths: [ndjson] });
    expect(columns).toEqual([
      { name: 'd', type: 'timestamp' },
      { name: 'n', type: 'int64' },
      { name: 'l', type: 'string' },
      { name: 'q', type: 'float64' },
    ]);
    const typed = [
      { name: 'n', type: 'int16' as const },
      { name: 'd', type: 'timestamp' as const },
    ];
    expect(await c.rows(readerSql({ format: 'csv', paths: [csv], columns: typed }))).toEqual([
      { n: -5, d: new Date('2001-01-01T00:01:00Z') },
    ]);
  });
});

test('missing, empty, truncated and foreign files are typed errors with their path', async () => {
  await expect(expandSourcePaths([join(directory, 'no-*.csv')])).rejects.toMatchObject({ reason: 'FILE_MISSING' });
  const empty = await file('empty.csv', '');
  await expect(expandSourcePaths([empty])).rejects.toMatchObject({ reason: 'FILE_EMPTY', fields: { path: empty } });
  await expect(expandSourcePaths(['/etc/passwd'], { within: [directory] })).rejects.toMatchObject({
    reason: 'SOURCE_PATH_FORBIDDEN',
  });
  const cut = join(directory, 'cut.parquet');
  await rig.engine.withConnection((c) =>
    c.run(`COPY (SELECT range AS id FROM range(1000)) TO '${cut}' (FORMAT parquet)`),
  );
  const whole = await readFile(cut);
  await truncate(cut, whole.length - 100);
  const corrupt = { code: 'INVALID_ARGUMENT', reason: 'FILE_CORRUPT', fields: { path: cut } };
  await expect(stage('parquet', [cut])).rejects.toMatchObject(corrupt);
  await truncate(cut, 3);
  await expect(stage('parquet', [cut])).rejects.toMatchObject(corrupt);
});
