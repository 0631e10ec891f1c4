/**
 * Measures the training set of the flights example: 1.5 M labels × 3 windowed views over 3 M flights, point in time.
 * `node libs/features/bench/flights.ts [labels] [threads]` prints one JSON object a line.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { compileFeatureView, type FeatureViewDefinition, materializeSql, pointInTimeSql } from '../src/index.ts';

const labelCount = Number(process.argv[2] ?? 1_500_000);
const threads = process.argv[3] ?? '2';
const file = fileURLToPath(new URL('../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url));
const relation = `read_parquet('${file}')`;

const instance = await DuckDBInstance.create(':memory:', { threads, memory_limit: '1500MB' });
const connection = await instance.connect();
const serializeSql = async (sql: string): Promise<unknown> =>
  JSON.parse(
    String((await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql])).getRows()[0]![0]),
  );

const schema = [
  { name: 'date', type: 'timestamp' },
  { name: 'delay', type: 'int64' },
  { name: 'distance', type: 'int64' },
  { name: 'origin', type: 'string' },
  { name: 'destination', type: 'string' },
] as const;

const late = 'case when delay >= 15 then 1 else 0 end';
const features = (windows: string[]): FeatureViewDefinition['features'] =>
  windows.flatMap((window) => [
    { name: `late_rate_${window}`, type: 'float64', aggregate: { function: 'mean', window, over: late } },
    { name: `mean_delay_${window}`, type: 'float64', aggregate: { function: 'mean', window, over: 'delay' } },
  ]);
const definition = (name: string, entityKeys: string[], windows: string[]): FeatureViewDefinition => ({
  name,
  entityKeys,
  source: 'flights',
  eventTime: 'date',
  availableTime: 'date + to_minutes(greatest(delay, 0))',
  refresh: '1d',
  features: features(windows),
});
const views = await Promise.all(
  [
    definition('origin', ['origin'], ['1d', '7d']),
    definition('destination', ['destination'], ['1d', '7d']),
    definition('route', ['origin', 'destination'], ['28d']),
  ].map((d) => compileFeatureView(d, { schema, serializeSql })),
);

const peakRssMib = () =>
  Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024);

async function measure(work: string, sql: string): Promise<void> {
  const start = performance.now();
  const [[rows]] = (await connection.runAndReadAll(sql)).getRows() as [[bigint]];
  const seconds = (performance.now() - start) / 1000;
  console.log(
    JSON.stringify({ work, rows: Number(rows), seconds: Number(seconds.toFixed(2)), peakRssMib: peakRssMib() }),
  );
}

const directory = await mkdtemp(join(tmpdir(), 'millrace-features-'));
try {
  const pit = pointInTimeSql({
    labels: {
      relation: `(SELECT * FROM ${relation} LIMIT ${labelCount})`,
      time: 'date',
      passthrough: ['date', 'origin', 'destination', 'distance', 'delay'],
    },
    views: views.map((view) => ({ view, relation, prefix: `${view.name}__` })),
  });
  await measure('training set to Parquet', `COPY (${pit}) TO '${join(directory, 'set.parquet')}' (FORMAT parquet)`);
  const at = (month: number) => BigInt(Date.UTC(2001, month, 1)) * 1000n;
  for (const view of views) {
    const into = (from: bigint, to: bigint) =>
      `CREATE OR REPLACE TEMP TABLE m AS ${materializeSql({ view, relation, from, to })}`;
    await measure(`materialize ${view.name}, one day`, into(at(3), at(3)));
    await measure(`materialize ${view.name}, six months`, into(at(0), at(6)));
  }
} finally {
  await rm(directory, { recursive: true });
}
