import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { TestPlatform } from '@millrace/testing';
import { temporaryDirectory, waitFor } from '@millrace/testing';
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

const FLIGHTS = join(import.meta.dirname, '../../../node_modules/vega-datasets/data/flights-3m.parquet');
let afterPut = () => Promise.resolve();
let platform: TestPlatform;
let ingestion: Ingestion;
const seen: { subject: string; resource: string }[] = [];
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  ({ test: platform, ingestion } = await startIngestion(() => afterPut()));
  directory = await temporaryDirectory();
  await platform.platform.bus.consume({
    name: 'test.everything',
    database: platform.platform.database('ingestion'),
    subjects: ['millrace.ingestion.v1.>'],
    handler: async ({ subject, resource }) => {
      seen.push({ subject, resource });
    },
  });
});
afterAll(async () => {
  await platform.stop();
  await directory[Symbol.asyncDispose]();
});

test('a Parquet file becomes a version by months of its cursor, each published and queried', async () => {
  await createFiles(ingestion, 'flights', [FLIGHTS]);
  const january = { column: 'date', end: '2001-02-01' };
  const first = await load(ingestion, 'flights', { cursor: january });
  expect(first.execution).toMatchObject({ state: JobState.SUCCEEDED });
  expect(first.datasetVersion).toBe(`${nameOf.dataset('flights')}/versions/1`);
  const { datasetVersion } = await publish(ingestion, first.datasetVersion);
  expect(datasetVersion).toMatchObject({ state: DatasetVersionState.PUBLISHED, cursor: '2001-02-01 00:00:00' });
  // The same bound again: nothing new, no version.
  const again = await load(ingestion, 'flights', { cursor: january });
  expect(again).toMatchObject({ datasetVersion: '', execution: { state: JobState.SUCCEEDED } });

  const second = await load(ingestion, 'flights', { cursor: { column: 'date', end: '2001-03-01' } });
  await publish(ingestion, second.datasetVersion);
  // Counted with DuckDB's own `select count(*) … where date < …` on the file.
  const rows = await query(ingestion, `select count(*), max(date) < '2001-03-01', min(date) from flights`);
  expect(rows).toEqual([[966_409, true, '2001-01-01T00:01:00Z']]);
});

test('a load that is cut off between its files and its commit is done once by the next process', async () => {
  const path = join(directory.path, 'cut.ndjson');
  await writeFile(path, '{"a":1}\n{"a":2}\nbroken\n');
  await createFiles(ingestion, 'cut', [path]);
  const dataset = nameOf.dataset('cut');
  const request = { parent: WORKSPACE, spec: { source: nameOf.source('cut'), dataset } };
  const [reached, cut] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  afterPut = () => {
    reached.resolve();
    return cut.promise;
  };
  const { name } = (await ingestion.createIngestionRun(request)).ingestionRun!;
  await reached.promise; // all blobs are written, nothing is committed
  afterPut = () => Promise.resolve();
  const restarted = platform.restart();
  cut.reject(new Error('the process was killed here'));
  await restarted;
  const run = await untilEnded(ingestion, name);
  expect(run).toMatchObject({ execution: { state: JobState.SUCCEEDED }, readRows: 3n, quarantinedRows: 1n });
  const { datasetVersions } = await ingestion.listDatasetVersions({ parent: dataset });
  expect(datasetVersions).toMatchObject([{ loadedRows: 2n, table: { rows: 2n } }]);
  expect(await ingestion.listDeadLetters({ parent: dataset })).toMatchObject({ totalSize: 1n });
});

test('a load in its wait can be cancelled, and nothing of it is seen', async () => {
  await createFiles(ingestion, 'cancelled', [FLIGHTS]);
  const dataset = nameOf.dataset('cancelled');
  const spec = { source: nameOf.source('cancelled'), dataset };
  const { ingestionRun } = await ingestion.createIngestionRun({ parent: WORKSPACE, spec });
  await ingestion.cancelIngestionRun({ name: ingestionRun!.name });
  const ended = await untilEnded(ingestion, ingestionRun!.name);
  expect(ended).toMatchObject({ datasetVersion: '', execution: { state: JobState.CANCELLED } });
  expect((await ingestion.listDatasetVersions({ parent: dataset })).datasetVersions).toEqual([]);
});

test('events tell of every version and load, in the order of a version', async () => {
  await waitFor(() => Promise.resolve(seen.some(({ subject }) => subject.endsWith('ingestion_run.finished'))));
  const version = `${nameOf.dataset('flights')}/versions/1`;
  await waitFor(() => Promise.resolve(seen.filter(({ resource }) => resource === version).length >= 2));
  expect(seen.filter(({ resource }) => resource === version).map(({ subject }) => subject)).toEqual([
    'millrace.ingestion.v1.dataset_version.committed',
    'millrace.ingestion.v1.dataset_version.published',
  ]);
});
