/**
 * Measures loads to a committed version: the 3 M flights as Parquet and NDJSON, and a PostgreSQL table of equal columns.
 * Prints one JSON object per line. Run: `node apps/ingestion/test/bench.ts`, from the root of the checkout.
 */
import { join } from 'node:path';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { openDatabase, startEmbeddedPostgres } from '@millrace/postgres';
import { temporaryDirectory } from '@millrace/testing';
import { createFiles, type Ingestion, load, nameOf, startIngestion } from './harness.ts';

const FLIGHTS = join(import.meta.dirname, '../../../node_modules/vega-datasets/data/flights-3m.parquet');
const RUNS = 3;

const directory = await temporaryDirectory();
const server = await startEmbeddedPostgres({ directory: join(directory.path, 'postgres') });
process.env.MILLRACE_TEST_POSTGRES_URL = server.url;
const { test, ingestion } = await startIngestion();
try {
  await measure('parquet', [FLIGHTS], 1_500_000);
  const ndjson = join(directory.path, 'flights.ndjson');
  await test.platform.tables.withConnection((connection) =>
    connection.run(`COPY (FROM read_parquet('${FLIGHTS}') LIMIT 1000000) TO '${ndjson}' (FORMAT json)`),
  );
  await measure('ndjson', [ndjson], 200_000);
  await fillPostgres();
  await measure('postgres', undefined, 250_000);
} finally {
  await test.stop();
  await server.stop();
  await directory[Symbol.asyncDispose]();
}

/** The median of some loads, each into a dataset of its own, from the request to the end of the run. */
async function measure(subject: string, paths: string[] | undefined, target: number): Promise<void> {
  const rates: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const id = `${subject}-${i}`;
    if (paths) await createFiles(ingestion, id, paths);
    else await createQuery(ingestion, id);
    const begin = performance.now();
    const run = await load(ingestion, id, { cursor: { column: 'date', end: '2001-08-01' } });
    const seconds = (performance.now() - begin) / 1000;
    if (run.execution?.state !== JobState.SUCCEEDED) throw new Error(JSON.stringify(run.execution?.failure));
    rates.push(Math.round(Number(run.readRows) / seconds));
  }
  const value = {
    area: 'ingestion',
    work: 'load',
    subject,
    metric: 'rate',
    value: rates.toSorted((a, b) => a - b)[1]!,
    rates,
    unit: 'rows/s',
    target,
  };
  console.log(JSON.stringify({ ...value, ok: value.value >= target }));
}

async function createQuery(client: Ingestion, id: string): Promise<void> {
  process.env.MILLRACE_BENCH_SOURCE = server.url;
  const value = { urlEnv: 'MILLRACE_BENCH_SOURCE', query: 'select * from bench.flights' };
  await client.createSource({ source: { name: nameOf.source(id), location: { case: 'postgres', value } } });
  await client.createDataset({ dataset: { name: nameOf.dataset(id) } });
}

async function fillPostgres(): Promise<void> {
  const database = openDatabase({ url: server.url, schema: 'bench', applicationName: 'bench', poolMax: 1 });
  await database.execute(`create schema bench;
    create unlogged table bench.flights as
    select timestamp '2001-01-01' + i * interval '5 seconds' as date, (i::int8 * 7919 % 200 - 30)::int8 as delay, (i::int8 * 104729 % 2500)::int8 as distance,
      chr(65 + (i % 26)::int) || 'AX' as origin, chr(65 + (i / 26 % 26)::int) || 'BX' as destination
    from generate_series(1, 3000000) i`);
  await database.close();
}
