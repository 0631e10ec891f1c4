import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import {
  DatasetVersionState,
  DeadLetterState,
  WriteDisposition,
} from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { openDatabase } from '@millrace/postgres';
import type { TestPlatform } from '@millrace/testing';
import { createTestDatabase, temporaryDirectory } from '@millrace/testing';
import {
  createFiles,
  type Ingestion,
  load,
  nameOf,
  publish,
  query,
  startIngestion,
  untilEnded,
  WORKSPACE,
} from './harness.ts';

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

async function file(name: string, lines: readonly object[]): Promise<string> {
  const path = join(directory.path, name);
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

test('a merge replaces rows by key; of two rows with one key in a load the later one wins', async () => {
  const merge = { writeDisposition: WriteDisposition.MERGE };
  const key = { primaryKey: ['id'] };
  await createFiles(
    ingestion,
    'people',
    [
      await file(
        'p1.ndjson',
        [1, 2, 3].map((id) => ({ id, v: 'a' })),
      ),
    ],
    key,
  );
  const first = await load(ingestion, 'people', merge);
  await publish(ingestion, first.datasetVersion);
  const next = [
    { id: 2, v: 'early' },
    { id: 4, v: 'new' },
    { id: 2, v: 'late' },
    { id: null, v: 'nobody' },
  ];
  await createFiles(ingestion, 'people', [await file('p2.ndjson', next)], key);
  const second = await load(ingestion, 'people', merge);
  const { datasetVersion } = await publish(ingestion, second.datasetVersion);
  expect(datasetVersion).toMatchObject({ loadedRows: 2n, quarantinedByRule: { 'schema.primary_key': 1n } });
  expect(await query(ingestion, 'select id, v from people order by id')).toEqual([
    [1, 'a'],
    [2, 'late'],
    [3, 'a'],
    [4, 'new'],
  ]);
  const diff = await ingestion.diffDatasetVersions({ base: first.datasetVersion, target: second.datasetVersion });
  expect(diff).toMatchObject({ addedRows: 1n, removedRows: 0n });
  const replaced = await load(ingestion, 'people', { writeDisposition: WriteDisposition.REPLACE });
  expect((await publish(ingestion, replaced.datasetVersion)).datasetVersion?.table?.rows).toBe(4n);
});

test('a rejected version gives its cursor range back, and its number is never used again', async () => {
  await createFiles(ingestion, 'events', [
    await file(
      'e.ndjson',
      [1, 2, 3, 4].map((t) => ({ t, v: t * 10 })),
    ),
  ]);
  const until = (end: string) => load(ingestion, 'events', { cursor: { column: 't', start: '1', end } });
  await publish(ingestion, (await until('3')).datasetVersion);
  const bad = await until('4');
  const verdict = { name: bad.datasetVersion, verdict: DatasetVersionState.REJECTED, rejection: 'too odd' };
  const { datasetVersion } = await ingestion.settleDatasetVersion(verdict);
  expect(datasetVersion).toMatchObject({ state: DatasetVersionState.REJECTED, rejection: 'too odd' });
  await expect(publish(ingestion, bad.datasetVersion)).rejects.toMatchObject({ reason: 'DATASET_VERSION_SETTLED' });
  expect(await query(ingestion, 'select count(*) from events')).toEqual([[2]]);
  const good = await until('5');
  expect(good).toMatchObject({ readRows: 2n, datasetVersion: `${nameOf.dataset('events')}/versions/3` });
  const before = timestampFromDate(new Date());
  await publish(ingestion, good.datasetVersion);
  const past = await ingestion.getDatasetVersion({ name: nameOf.dataset('events'), asOf: before });
  expect(past.datasetVersion?.name).toMatch(/\/versions\/1$/);
  await ingestion.deleteDataset({ name: nameOf.dataset('events') });
  await createFiles(ingestion, 'events', [join(directory.path, 'e.ndjson')]);
  expect((await load(ingestion, 'events')).datasetVersion).toMatch(/\/versions\/4$/);
});

test('without an end the greatest value seen is the cursor, exclusive', async () => {
  const path = await file('grow.ndjson', [{ t: '2001-01-01T00:00:00' }, { t: '2001-01-01T00:00:05' }]);
  await createFiles(ingestion, 'grow', [path]);
  const once = () => load(ingestion, 'grow', { cursor: { column: 't' } });
  const first = await once();
  expect((await publish(ingestion, first.datasetVersion)).datasetVersion?.cursor).toBe('2001-01-01 00:00:05');
  expect(await once()).toMatchObject({ datasetVersion: '', execution: { state: JobState.SUCCEEDED } });
  await file('grow.ndjson', [{ t: '2001-01-01T00:00:05' }, { t: '2001-01-01T00:00:05.000001' }]);
  expect((await once()).readRows).toBe(1n);
});

test('a load that replaces all rows begins its cursor anew; the column may be written in any case', async () => {
  await createFiles(ingestion, 'anew', [
    await file(
      'anew.ndjson',
      [1, 2, 3].map((t) => ({ t })),
    ),
  ]);
  const until = (end: string, writeDisposition: WriteDisposition) =>
    load(ingestion, 'anew', { cursor: { column: 'T', end }, writeDisposition });
  await publish(ingestion, (await until('4', WriteDisposition.APPEND)).datasetVersion);
  await expect(until('3', WriteDisposition.APPEND)).rejects.toMatchObject({ reason: 'CURSOR_GOES_BACKWARDS' });
  const replaced = await until('3', WriteDisposition.REPLACE);
  await publish(ingestion, replaced.datasetVersion);
  expect((await until('4', WriteDisposition.APPEND)).readRows).toBe(1n);
});

test('a lag looks back for rows that came late, and merges them', async () => {
  const key = { primaryKey: ['id'] };
  const day = (id: number, at: string) => ({ id, at });
  const path = await file('late.ndjson', [day(1, '2001-01-01T00:00:00'), day(2, '2001-01-03T00:00:00')]);
  await createFiles(ingestion, 'late', [path], key);
  const cursor = { column: 'at', lag: durationFromMs(2 * 86_400_000) };
  const merge = { writeDisposition: WriteDisposition.MERGE, cursor };
  await publish(ingestion, (await load(ingestion, 'late', merge)).datasetVersion);
  await file('late.ndjson', [day(3, '2001-01-02T00:00:00'), day(2, '2001-01-03T00:00:00')]);
  const second = await load(ingestion, 'late', merge);
  expect((await publish(ingestion, second.datasetVersion)).datasetVersion?.cursor).toBe('2001-01-03 00:00:00');
  expect(await query(ingestion, 'select list(id order by id)::text from late')).toEqual([['[1, 2, 3]']]);
  const append = load(ingestion, 'late', { cursor });
  await expect(append).rejects.toMatchObject({ reason: 'CURSOR_LAG_INVALID' });
});

test('rows that do not parse are put aside once, however often the file is read', async () => {
  const path = join(directory.path, 'twice.ndjson');
  await writeFile(path, '{"t":1,"v":1}\nbroken\n{"t":2,"v":"x"}\n{"t":3,"v":3}\n{"t":5,"v":5}\n');
  await createFiles(ingestion, 'twice', [await file('twice0.ndjson', [{ t: 0, v: 0 }])]);
  await publish(ingestion, (await load(ingestion, 'twice', { cursor: { column: 't', end: '1' } })).datasetVersion);
  await createFiles(ingestion, 'twice', [path]);
  const counts: bigint[] = [];
  for (const end of ['2', '4', '6']) {
    const run = await load(ingestion, 'twice', { cursor: { column: 't', end } });
    await publish(ingestion, run.datasetVersion);
    counts.push(run.quarantinedRows);
  }
  expect(counts).toEqual([1n, 1n, 0n]);
  expect(await query(ingestion, 'select t from twice order by t')).toEqual([[0], [1], [3], [5]]);
});

test('dead letters are listed, corrected, replayed, and replayed again when the version is rejected', async () => {
  const path = join(directory.path, 'r.ndjson');
  await createFiles(ingestion, 'replay', [await file('r0.ndjson', [{ id: 0, n: 0 }])]);
  await publish(ingestion, (await load(ingestion, 'replay')).datasetVersion);
  await writeFile(path, '{"id":1,"n":1}\n{"id":2,"n":"two"}\n{"id":3,"n":"three"}\n{"id":4,\n');
  await createFiles(ingestion, 'replay', [path]);
  await publish(ingestion, (await load(ingestion, 'replay')).datasetVersion);
  const dataset = nameOf.dataset('replay');
  const list = (state = DeadLetterState.OPEN) => ingestion.listDeadLetters({ parent: dataset, state, pageSize: 2 });
  const page = await list();
  expect(page).toMatchObject({ totalSize: 3n, countByRule: { parse: 1n, 'schema.types': 2n } });
  expect(page.deadLetters).toHaveLength(2);
  const rest = await ingestion.listDeadLetters({ parent: dataset, pageSize: 2, pageToken: page.nextPageToken });
  expect(rest).toMatchObject({ nextPageToken: '', deadLetters: [{}] });
  const all = [...page.deadLetters, ...rest.deadLetters];
  const two = all.find(({ rowJson }) => rowJson.includes('two'))!;
  const corrections = [{ id: two.id, rowJson: '{"id":2,"n":2}' }];
  const replayOnce = async () => {
    const { ingestionRun } = await ingestion.replayDeadLetters({
      dataset,
      replay: { corrections, correctedOnly: true },
    });
    return untilEnded(ingestion, ingestionRun!.name);
  };
  const rejected = await replayOnce();
  expect(rejected).toMatchObject({ readRows: 1n, quarantinedRows: 0n });
  await ingestion.settleDatasetVersion({ name: rejected.datasetVersion, verdict: DatasetVersionState.REJECTED });
  expect((await list()).totalSize).toBe(3n);
  const again = await replayOnce();
  await publish(ingestion, again.datasetVersion);
  expect(await query(ingestion, 'select id, n from replay order by id')).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
  ]);
  expect(await list(DeadLetterState.REPLAYED)).toMatchObject({
    totalSize: 1n,
    deadLetters: [{ id: two.id, replayedVersion: again.datasetVersion }],
  });
  // Replayed as it is, the other one fails again and becomes a dead letter again; the broken line waits for a correction.
  const { ingestionRun } = await ingestion.replayDeadLetters({ dataset, replay: {} });
  const failed = await untilEnded(ingestion, ingestionRun!.name);
  expect(failed).toMatchObject({ readRows: 1n, quarantinedRows: 1n });
  await publish(ingestion, failed.datasetVersion);
  const open = await list();
  expect(open.totalSize).toBe(2n);
  expect(open.deadLetters.map(({ rowJson }) => JSON.parse(rowJson) as unknown)).toContainEqual({ id: 3, n: 'three' });
  // Corrections may come as a file, too.
  const broken = open.deadLetters.find(({ rowJson }) => rowJson.includes('raw'))!;
  const correctionsPath = await file('corrections.ndjson', [{ id: broken.id, row: { id: 4, n: 4 } }]);
  const last = await ingestion.replayDeadLetters({
    dataset,
    replay: { correctionsPath, correctedOnly: true, rule: 'parse' },
  });
  await publish(ingestion, (await untilEnded(ingestion, last.ingestionRun!.name)).datasetVersion);
  expect(await list()).toMatchObject({ totalSize: 1n, countByRule: { 'schema.types': 1n } });
  const nonsense = { corrections: [{ id: 'nonsense', rowJson: '{}' }] };
  await expect(ingestion.replayDeadLetters({ dataset, replay: nonsense })).rejects.toMatchObject({
    reason: 'DEAD_LETTER_ID_INVALID',
  });
});

test('a PostgreSQL query is read with its cursor, all types and odd texts included', async () => {
  await using database = await asDisposable();
  await database.db.execute(`create schema shop; create table shop.orders (id int8, at timestamptz, price numeric(10,2), name text, raw bytea, ok bool, day date);
    insert into shop.orders values (1, '2001-01-01 00:00:00+02', 1.50, 'a,"b"', '\\x00ff', true, '2001-01-01'),
      (2, '2001-01-02 00:00:00+00', null, '', null, false, null), (3, '2001-01-03 00:00:00+00', 2, null, '\\x', null, '2001-01-03'),
      (4, '2001-01-04 00:00:00+00', 2, '\\N', '\\x', null, '2001-01-03')`);
  process.env.MILLRACE_TEST_SHOP = database.url;
  const value = { urlEnv: 'MILLRACE_TEST_SHOP', query: 'select * from shop.orders order by id' };
  const source = { name: nameOf.source('orders'), location: { case: 'postgres' as const, value } };
  const preview = await ingestion.previewSource({ source, rowsMax: 1 });
  expect(preview.rowsJson.map((row) => (JSON.parse(row) as { name: string }).name)).toEqual(['a,"b"']);
  await ingestion.createSource({ source });
  await ingestion.createDataset({ dataset: { name: nameOf.dataset('orders') } });
  const first = await load(ingestion, 'orders', { cursor: { column: 'at', end: '2001-01-03' } });
  expect(first).toMatchObject({ readRows: 2n, execution: { state: JobState.SUCCEEDED } });
  await publish(ingestion, first.datasetVersion);
  const second = await load(ingestion, 'orders', { cursor: { column: 'at' } });
  await publish(ingestion, second.datasetVersion);
  expect(await query(ingestion, 'select id, "at", price, name, raw, ok, day from orders order by id')).toEqual([
    [1, '2000-12-31T22:00:00Z', 1.5, 'a,"b"', 'AP8=', true, '2001-01-01'],
    [2, '2001-01-02T00:00:00Z', null, '', null, false, null],
    [3, '2001-01-03T00:00:00Z', 2, null, '', null, '2001-01-03'],
    [4, '2001-01-04T00:00:00Z', 2, '\\N', '', null, '2001-01-03'],
  ]);
  const wrong = {
    ...source,
    location: { case: 'postgres' as const, value: { ...value, query: 'select nothing from shop.orders' } },
  };
  await expect(ingestion.previewSource({ source: wrong })).rejects.toMatchObject({ reason: 'SOURCE_QUERY_INVALID' });
  const unset = { ...source, location: { case: 'postgres' as const, value: { ...value, urlEnv: 'MILLRACE_UNSET' } } };
  await expect(ingestion.previewSource({ source: unset })).rejects.toMatchObject({ reason: 'SOURCE_URL_MISSING' });
});

async function asDisposable() {
  const made = await createTestDatabase({ schema: 'source' });
  const db = openDatabase({ url: made.url, schema: 'source', applicationName: 'test', poolMax: 1 });
  return {
    db,
    url: made.url,
    async [Symbol.asyncDispose]() {
      await db.close();
      await made.drop();
    },
  };
}

test('a version is read as one Arrow stream in chunks of at most 1 MiB', async () => {
  await createFiles(ingestion, 'arrow', [
    await file('arrow.ndjson', [
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ]),
  ]);
  await publish(ingestion, (await load(ingestion, 'arrow')).datasetVersion);
  const pieces: Uint8Array[] = [];
  for await (const { arrowIpc } of ingestion.readDataset({ name: nameOf.dataset('arrow'), columns: ['b'] })) {
    expect(arrowIpc.length).toBeLessThanOrEqual(1024 * 1024);
    pieces.push(arrowIpc);
  }
  const bytes = Buffer.concat(pieces);
  expect(bytes.includes('xy')).toBe(true);
  expect(bytes.readUInt32LE(bytes.length - 8)).toBe(0xffffffff); // end of stream, Arrow IPC format
});

test('requests with one id make one thing; etags guard updates', async () => {
  await createFiles(ingestion, 'same', [await file('same.ndjson', [{ a: 1 }])]);
  const spec = { source: nameOf.source('same'), dataset: nameOf.dataset('same') };
  const request = { parent: WORKSPACE, spec, requestId: 'once' };
  const [first, second] = await Promise.all([
    ingestion.createIngestionRun(request),
    ingestion.createIngestionRun(request),
  ]);
  expect(second.ingestionRun?.name).toBe(first.ingestionRun?.name);
  await untilEnded(ingestion, first.ingestionRun!.name);
  const third = await ingestion.createIngestionRun(request);
  expect(third.ingestionRun?.name).toBe(first.ingestionRun?.name);
  const dataset = { name: nameOf.dataset('same'), description: 'x', etag: 'other' };
  await expect(ingestion.updateDataset({ dataset })).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
  const pending = ingestion.createIngestionRun({ ...request, requestId: '', validateOnly: true });
  await expect(pending).rejects.toMatchObject({ reason: 'CANDIDATE_PENDING' });
});

test('of two loads at the same time into one dataset one makes a version, the other says what it waits for', async () => {
  await createFiles(ingestion, 'race', [await file('race.ndjson', [{ a: 1 }])]);
  const spec = { source: nameOf.source('race'), dataset: nameOf.dataset('race') };
  const runs = await Promise.all([1, 2].map(() => ingestion.createIngestionRun({ parent: WORKSPACE, spec })));
  const ended = await Promise.all(runs.map(({ ingestionRun }) => untilEnded(ingestion, ingestionRun!.name)));
  const states = ended.map(({ execution }) => execution!.failure?.reason ?? 'fine').sort();
  expect(states).toEqual(['CANDIDATE_PENDING', 'fine']);
  const { datasetVersions } = await ingestion.listDatasetVersions({ parent: nameOf.dataset('race') });
  expect(datasetVersions).toHaveLength(1);
});
