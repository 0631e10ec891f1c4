import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { ContractMode, WriteDisposition } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { isAppError } from '@millrace/kernel';
import type { TestPlatform } from '@millrace/testing';
import { temporaryDirectory } from '@millrace/testing';
import { createFiles, type Ingestion, load, nameOf, publish, query, startIngestion, WORKSPACE } from './harness.ts';

let platform: TestPlatform;
let ingestion: Ingestion;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  ({ test: platform, ingestion } = await startIngestion());
  directory = await temporaryDirectory();
});
afterAll(async () => {
  await platform.stop();
  await directory[Symbol.asyncDispose]();
});

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory.path, name);
  await writeFile(path, content);
  return path;
}

/** The reason with which a call is refused. */
async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isAppError(error)) throw new Error(`refused with ${String(error)}`);
  return { code: error.code, reason: error.reason, fields: error.violations.map(({ field }) => field) };
}

/** Loads a file that cannot be loaded; gives why, after making sure that there is no version. */
async function failure(id: string, path: string) {
  await createFiles(ingestion, id, [path]);
  const run = await load(ingestion, id);
  expect(run).toMatchObject({ datasetVersion: '', execution: { state: JobState.FAILED } });
  const { datasetVersions } = await ingestion.listDatasetVersions({ parent: nameOf.dataset(id) });
  expect(datasetVersions).toEqual([]);
  const { code, reason, message } = run.execution!.failure!;
  return { code, reason, message };
}

async function letters(id: string) {
  const { deadLetters } = await ingestion.listDeadLetters({ parent: nameOf.dataset(id) });
  return deadLetters.map(({ rules, rowJson, origin }) => ({ rules, row: JSON.parse(rowJson) as unknown, origin }));
}

test('files that are not whole, empty, missing or of no known format', async () => {
  const path = await file('good.ndjson', '{"a": 1}\n');
  await createFiles(ingestion, 'good', [path]);
  const whole = await platform.platform.tables.withConnection(async (connection) => {
    const parquet = join(directory.path, 'whole.parquet');
    await connection.run(`COPY (SELECT range AS a FROM range(1000)) TO '${parquet}' (FORMAT parquet)`);
    return readFile(parquet);
  });
  const truncated = await file('truncated.parquet', whole.subarray(0, whole.length - 100));
  expect(await failure('truncated', truncated)).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'FILE_CORRUPT' });
  const damaged = Buffer.from(whole);
  damaged.fill(0xff, 100, 600);
  const inside = await failure('damaged', await file('damaged.parquet', damaged));
  expect(inside.code).not.toBe('INTERNAL');
  expect(await failure('empty', await file('empty.csv', ''))).toMatchObject({ reason: 'FILE_EMPTY' });
  const absent = join(directory.path, 'absent-*.csv');
  const missing = await failure('absent', absent);
  expect(missing).toMatchObject({ code: 'NOT_FOUND', reason: 'FILE_MISSING' });
  expect(missing.message).toContain(absent);
  expect(await failure('unknown', await file('a.xlsx', 'x'))).toMatchObject({ reason: 'FILE_FORMAT_UNKNOWN' });
});

test('ragged rows and invalid UTF-8 become dead letters with file, line and raw row', async () => {
  const good = Array.from({ length: 30 }, (_, i) => `${i},name ${i}`).join('\n');
  const bytes = Buffer.concat([
    Buffer.from(`id,name\n${good}\n100\n101,a,b\n102,`),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('\n103,"fine, too"\nx,text\n'),
  ]);
  const path = await file('ragged.csv', bytes);
  await createFiles(ingestion, 'ragged', [path]);
  await publish(ingestion, (await load(ingestion, 'ragged')).datasetVersion);
  // 30 good ones, the quoted one, and `x`, which makes the first version's column a text.
  expect(await query(ingestion, 'select count(*), max(id) from ragged')).toEqual([[32, 'x']]);
  const found = await letters('ragged');
  expect(found.filter(({ rules }) => rules[0] === 'parse').map(({ origin }) => origin)).toEqual(
    expect.arrayContaining([`${path}:32`, `${path}:33`]),
  );
  expect(found.map(({ row }) => row)).toEqual(expect.arrayContaining([{ raw: expect.stringMatching(/^100/) }]));
});

test('a text where a number belongs is put aside by the type rule; under freeze the load fails', async () => {
  const first = await file('n1.ndjson', '{"id": 1, "n": 5}\n{"id": 2, "n": 6}\n');
  await createFiles(ingestion, 'typed', [first]);
  await publish(ingestion, (await load(ingestion, 'typed')).datasetVersion);
  const second = await file('n2.ndjson', '{"id": 3, "n": 7}\n{"id": 4, "n": "many"}\nnot json\n');
  await createFiles(ingestion, 'typed', [second]);
  const run = await load(ingestion, 'typed');
  expect(run).toMatchObject({ readRows: 3n, quarantinedRows: 2n });
  const { datasetVersion } = await publish(ingestion, run.datasetVersion);
  expect(datasetVersion).toMatchObject({ loadedRows: 1n, quarantinedByRule: { parse: 1n, 'schema.types': 1n } });
  expect(await letters('typed')).toEqual(
    expect.arrayContaining([
      { rules: ['schema.types'], row: { id: 4, n: 'many' }, origin: second },
      { rules: ['parse'], row: { raw: 'not json' }, origin: second },
    ]),
  );
  await createFiles(ingestion, 'typed', [second], { schemaContract: { types: ContractMode.FREEZE } });
  const frozen = await load(ingestion, 'typed');
  expect(frozen.execution?.failure).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'SCHEMA_FROZEN' });
  await createFiles(ingestion, 'typed', [second], { schemaContract: { types: ContractMode.DISCARD_ROW } });
  expect(await load(ingestion, 'typed')).toMatchObject({ readRows: 3n, quarantinedRows: 1n, discardedRows: 1n });
});

test('an unknown column evolves the schema, freezes the load, or puts rows aside', async () => {
  const first = await file('c1.csv', 'id,a\n1,x\n');
  const second = await file('c2.csv', 'id,a,b\n2,y,\n3,z,9\n');
  for (const [id, columns] of [
    ['evolving', ContractMode.EVOLVE],
    ['frozen', ContractMode.FREEZE],
    ['aside', ContractMode.QUARANTINE],
  ] as const) {
    await createFiles(ingestion, id, [first], { schemaContract: { columns } });
    await publish(ingestion, (await load(ingestion, id)).datasetVersion);
    await createFiles(ingestion, id, [second], { schemaContract: { columns } });
  }
  const evolved = await load(ingestion, 'evolving');
  await publish(ingestion, evolved.datasetVersion);
  expect(await query(ingestion, 'select id, a, b from evolving order by id')).toEqual([
    [1, 'x', null],
    [2, 'y', null],
    [3, 'z', 9],
  ]);
  const diff = await ingestion.diffDatasetVersions({
    base: `${nameOf.dataset('evolving')}/versions/1`,
    target: evolved.datasetVersion,
  });
  expect(diff).toMatchObject({ addedRows: 2n, removedRows: 0n, addedColumns: [{ name: 'b', id: 3 }] });
  expect((await load(ingestion, 'frozen')).execution?.failure).toMatchObject({ reason: 'SCHEMA_FROZEN' });
  const aside = await load(ingestion, 'aside');
  expect(aside).toMatchObject({ readRows: 2n, quarantinedRows: 1n });
  expect(await letters('aside')).toMatchObject([{ rules: ['schema.columns'], row: { id: 3, a: 'z', b: 9 } }]);
});

test('a cursor that goes backwards, a merge without a key, a missing source: refused before anything is stored', async () => {
  await createFiles(ingestion, 'days', [await file('days.csv', 'day,n\n2001-01-01,1\n2001-01-02,2\n2001-01-03,3\n')]);
  const until = (end: string) => load(ingestion, 'days', { cursor: { column: 'day', end } });
  const first = await until('2001-01-03');
  expect(first.readRows).toBe(2n);
  expect(await refusal(until('2001-01-04'))).toMatchObject({ reason: 'CANDIDATE_PENDING' });
  await publish(ingestion, first.datasetVersion);
  expect(await refusal(until('2001-01-02'))).toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'CURSOR_GOES_BACKWARDS',
  });
  expect(await refusal(until('yesterday'))).toMatchObject({
    reason: 'CURSOR_VALUE_INVALID',
    fields: ['spec.cursor.end'],
  });
  expect(await refusal(load(ingestion, 'days', { writeDisposition: WriteDisposition.MERGE }))).toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'MERGE_WITHOUT_KEY',
  });
  expect(await refusal(load(ingestion, 'days', { source: nameOf.source('nowhere') }))).toMatchObject({
    code: 'NOT_FOUND',
    reason: 'SOURCE_NOT_FOUND',
  });
  const { ingestionRuns } = await ingestion.listIngestionRuns({ parent: WORKSPACE, dataset: nameOf.dataset('days') });
  expect(ingestionRuns).toHaveLength(1);
});

test('names with slashes, quotes and 10,000 characters are refused, all wrong fields at once', async () => {
  for (const id of ['a/b', `a'b"c`, 'x'.repeat(10_000), '', '../etc']) {
    const name = `${WORKSPACE}/datasets/${id}`;
    expect((await refusal(ingestion.createDataset({ dataset: { name } }))).code).toBe('INVALID_ARGUMENT');
    const spec = { source: `${WORKSPACE}/sources/${id}`, dataset: name };
    const refused = await refusal(ingestion.createIngestionRun({ parent: WORKSPACE, spec }));
    expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['spec.dataset', 'spec.source'] });
  }
  // Columns are data: any name goes.
  const odd = `it's "odd" / ünïcode`;
  const path = await file('odd.ndjson', `${JSON.stringify({ [odd]: 1 })}\n`);
  await createFiles(ingestion, 'odd', [path]);
  await publish(ingestion, (await load(ingestion, 'odd')).datasetVersion);
  expect(await query(ingestion, 'select * from odd')).toEqual([[1]]);
});

test('a preview shows columns and first rows, broken lines left out, and stores nothing', async () => {
  const paths = [
    await file('preview.csv', 'id,at\n1,2001-01-01 00:00:00\n2,2001-01-02 00:00:00,extra\n3,2001-01-03 00:00:00\n'),
  ];
  const source = { location: { case: 'file' as const, value: { paths } } };
  const { schema, rowsJson } = await ingestion.previewSource({ source, rowsMax: 2 });
  expect(schema?.fields.map(({ name, type }) => [name, DataType[type]])).toEqual([
    ['id', 'INT64'],
    ['at', 'TIMESTAMP'],
  ]);
  expect(rowsJson.map((row) => (JSON.parse(row) as { id: number }).id)).toEqual([1, 3]);
});

test('a Parquet column of another type, odd column names included, is tried row by row', async () => {
  await createFiles(ingestion, 'changed', [await file('v1.ndjson', '{"v": 1, "r": "a", "filename": "f"}\n')]);
  await publish(ingestion, (await load(ingestion, 'changed')).datasetVersion);
  const path = join(directory.path, 'v2.parquet');
  await platform.platform.tables.withConnection((connection) =>
    connection.run(
      `COPY (SELECT * FROM (VALUES ('2', 'b', NULL), ('x', 'c', NULL)) t(v, r, filename)) TO '${path}' (FORMAT parquet)`,
    ),
  );
  await createFiles(ingestion, 'changed', [path]);
  expect(await load(ingestion, 'changed')).toMatchObject({ readRows: 2n, quarantinedRows: 1n });
  expect(await letters('changed')).toEqual([
    { rules: ['schema.types'], row: { v: 'x', r: 'c', filename: null }, origin: path },
  ]);
});

test('queries see the datasets they name and nothing else', async () => {
  const none = { parent: WORKSPACE };
  const read = async (sql: string) => {
    for await (const _ of ingestion.queryDatasets({ ...none, sql }));
  };
  expect(await refusal(read(`select * from read_csv('/etc/passwd')`))).toMatchObject({ reason: 'SQL_FORBIDDEN' });
  expect(await refusal(read('select * from nothing'))).toMatchObject({ reason: 'SQL_UNKNOWN_TABLE' });
  expect(await refusal(read('selekt 1'))).toMatchObject({ reason: 'SQL_SYNTAX' });
});
