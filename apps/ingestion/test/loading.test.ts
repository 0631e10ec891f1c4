import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { TestPlatform } from '@millrace/testing';
import { temporaryDirectory } from '@millrace/testing';
import { createFiles, type Ingestion, load, nameOf, publish, query, startIngestion } from './harness.ts';

const FLIGHTS = join(import.meta.dirname, '../../../node_modules/vega-datasets/data/flights-3m.parquet');
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
  expect(rows).toEqual([[EXPECTED_TWO_MONTHS, true, '2001-01-01T00:01:00Z']]);
});
const EXPECTED_TWO_MONTHS = 966_409;
void file;
