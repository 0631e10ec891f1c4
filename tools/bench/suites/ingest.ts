import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openDatabase, startEmbeddedPostgres } from '@millrace/postgres';
import { bareDuckDb, createFlights, FLIGHTS, type FlightSource, loadFlights } from '../flights.ts';
import { quantile } from '../measure.ts';
import { type RunningPlatform, startPlatform } from '../running-platform.ts';
import type { Bench, Suite } from '../suite.ts';

const URL_ENV = 'MILLRACE_BENCH_SOURCE';

/** Loads to a committed version, from the request to the end of the run, beside the bare copy by DuckDB (and PostgreSQL). */
const ingest: Suite = async (bench) => {
  const rows = bench.isQuick ? 100_000 : 1_000_000;
  const exchange = join(bench.directory, 'exchange');
  await mkdir(exchange);
  await chmod(exchange, 0o777); // PostgreSQL, another user when this runs as root, reads and writes here
  const file = (name: string) => join(exchange, name);
  const flights = bench.isQuick ? file('cut.parquet') : FLIGHTS;
  if (bench.isQuick) await bareDuckDb(`COPY (FROM '${FLIGHTS}' LIMIT 300000) TO '${flights}' (FORMAT parquet)`);
  await bareDuckDb(`COPY (FROM '${FLIGHTS}' LIMIT ${rows}) TO '${file('flights.ndjson')}' (FORMAT json)`);
  await bareDuckDb(`COPY (FROM '${FLIGHTS}' LIMIT ${rows}) TO '${file('flights.csv')}' (FORMAT csv, HEADER false)`);

  bench.progress('filling a PostgreSQL table');
  const server = await startEmbeddedPostgres({ directory: join(bench.directory, 'source') });
  bench.defer(() => server.stop());
  const table = openDatabase({
    url: server.url,
    schema: 'bench',
    applicationName: 'bench',
    poolMax: 1,
    statementTimeoutMs: 0,
  });
  bench.defer(() => table.close());
  await table.execute(`create schema bench;
    create table bench.flights (date timestamp, delay int8, distance int8, origin text, destination text);
    copy bench.flights from '${file('flights.csv')}' (format csv);
    analyze bench.flights`);

  const platform = await startPlatform(bench, undefined, { [URL_ENV]: server.url });
  const out = file('floor.parquet');
  await measure(bench, platform, 'parquet', `Parquet, ${bench.isQuick ? '300 k' : '3 M'} rows`, {
    source: { paths: [flights] },
    atLeast: 1_500_000,
    floor: () => bareDuckDb(`COPY (FROM '${flights}') TO '${out}' (FORMAT parquet, COMPRESSION zstd)`),
    rows: bench.isQuick ? 300_000 : 3_000_000,
  });
  const size = bench.isQuick ? '100 k' : '1 M';
  await measure(bench, platform, 'ndjson', `NDJSON, ${size} rows`, {
    source: { paths: [file('flights.ndjson')] },
    atLeast: 200_000,
    floor: () =>
      bareDuckDb(`COPY (FROM read_json('${file('flights.ndjson')}')) TO '${out}' (FORMAT parquet, COMPRESSION zstd)`),
    rows,
  });
  await measure(bench, platform, 'postgres', `PostgreSQL table, ${size} rows`, {
    source: { urlEnv: URL_ENV, query: 'select * from bench.flights' },
    atLeast: 250_000,
    floor: async () => {
      const begin = performance.now();
      await table.execute(`copy bench.flights to '${file('floor.csv')}' (format csv)`);
      await bareDuckDb(`COPY (FROM read_csv('${file('floor.csv')}', header = false, columns = {'date': 'TIMESTAMP',
        'delay': 'BIGINT', 'distance': 'BIGINT', 'origin': 'VARCHAR', 'destination': 'VARCHAR'}))
        TO '${out}' (FORMAT parquet, COMPRESSION zstd)`);
      return (performance.now() - begin) / 1000;
    },
    rows,
  });
};
export default ingest;

interface Work {
  readonly source: FlightSource;
  /** Target in rows per second. */
  readonly atLeast: number;
  /** Gives the seconds of the bare copy. */
  floor(): Promise<number>;
  readonly rows: number;
}

/** The median of some loads, each into a dataset of its own, and of as many bare copies between them. */
async function measure(bench: Bench, { client }: RunningPlatform, id: string, work: string, of: Work): Promise<void> {
  const rates: number[] = [];
  const floors: number[] = [];
  for (let i = 0; i < (bench.isQuick ? 1 : 3); i++) {
    bench.progress(`${work}, load ${i + 1}`);
    await createFlights(client, `${id}-${i}`, of.source);
    const begin = performance.now();
    const run = await loadFlights(client, `${id}-${i}`);
    rates.push((of.rows * 1000) / (performance.now() - begin));
    if (Number(run.readRows) !== of.rows) throw new Error(`${work}: ${run.readRows} rows were read, not ${of.rows}.`);
    floors.push(of.rows / (await of.floor()));
  }
  const metric = 'rate';
  const unit = 'rows/s';
  const floor = id === 'postgres' ? 'COPY to CSV + DuckDB COPY, bare' : 'DuckDB COPY, bare';
  bench.report({
    work,
    subject: 'millrace',
    metric,
    value: quantile(rates, 0.5),
    unit,
    target: { atLeast: of.atLeast },
  });
  bench.report({ work, subject: floor, metric, value: quantile(floors, 0.5), unit });
}
