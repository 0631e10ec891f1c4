import { resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { MillraceClient } from '@millrace/client';
import { untilEnded } from '@millrace/client';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionRun } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { statesOf } from './states-of.ts';

/** The 3,000,000 flights of the npm package vega-datasets. */
export const FLIGHTS = resolve(import.meta.dirname, '../../node_modules/vega-datasets/data/flights-3m.parquet');
/** The workspace of all measures. */
export const W = 'workspaces/default';
/** The date by which all flights have left. */
const END = '2001-08-01';

/** Where flights come from. */
export type FlightSource = { readonly paths: readonly string[] } | { readonly urlEnv: string; readonly query: string };

/** DuckDB without anything of ours around it: two threads, as the platform on two cores. Gives the seconds it took. */
export async function bareDuckDb(sql: string): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  try {
    const begin = performance.now();
    await connection.run(sql);
    return (performance.now() - begin) / 1000;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Makes the dataset `id` and a source of the same id. */
export async function createFlights({ ingestion }: MillraceClient, id: string, source: FlightSource): Promise<void> {
  const location =
    'paths' in source
      ? { case: 'file' as const, value: { paths: [...source.paths] } }
      : { case: 'postgres' as const, value: source };
  await ingestion.createSource({ source: { name: `${W}/sources/${id}`, location } });
  await ingestion.createDataset({ dataset: { name: `${W}/datasets/${id}` } });
}

/** Loads what the source `id` has into its dataset by the cursor `date`; gives the run, ended with a committed candidate. */
export async function loadFlights({ ingestion }: MillraceClient, id: string): Promise<IngestionRun> {
  const { ingestionRun } = await ingestion.createIngestionRun({
    parent: W,
    spec: { source: `${W}/sources/${id}`, dataset: `${W}/datasets/${id}`, cursor: { column: 'date', end: END } },
  });
  return untilEnded(statesOf(ingestion.watchIngestionRun({ name: ingestionRun!.name }), (r) => r.ingestionRun));
}

/** Makes, loads and publishes the dataset `id` from Parquet files, unjudged; gives the version's name. */
export async function publishFlights(client: MillraceClient, id: string, paths: readonly string[]): Promise<string> {
  await createFlights(client, id, { paths });
  const { datasetVersion } = await loadFlights(client, id);
  await client.ingestion.settleDatasetVersion({ name: datasetVersion, verdict: DatasetVersionState.PUBLISHED });
  return datasetVersion;
}
