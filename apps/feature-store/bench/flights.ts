/**
 * Measures the feature store on the whole flights file: a training set of 1.5 M labels × 3 windowed views, 90 daily
 * materializations of the 3 views, and online look-ups of 50 features with 8 clients.
 * `node apps/feature-store/bench/flights.ts [training] [materialize] [online]` prints one JSON object a line.
 */
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { AggregateFunction } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { createRng } from '@millrace/kernel';
import { startEmbeddedPostgres } from '@millrace/postgres';
import { dataset, flights, flightsSql, type Rig, startRig, W } from '../test/harness.ts';

const wanted = new Set(process.argv.slice(2));
const wants = (work: string) => wanted.size === 0 || wanted.has(work);
const peakRssMib = () =>
  Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024);
let cpu = process.cpuUsage();
/** Beside the time of the clock, the processor time of this process since the line before (PostgreSQL not counted). */
const print = (work: string, facts: Record<string, number | string>) => {
  const { user, system } = process.cpuUsage(cpu);
  cpu = process.cpuUsage();

  console.log(
    JSON.stringify({
      area: 'feature-store',
      work,
      ...facts,
      cpuSeconds: Math.round((user + system) / 1e4) / 100,
      peakRssMib: peakRssMib(),
    }),
  );
};
const seconds = (from: number) => Math.round(performance.now() - from) / 1000;
const time = (text: string, plusDays = 0) => ({
  seconds: BigInt(Date.parse(`${text}T00:00:00Z`) / 1000 + plusDays * 86_400),
});

async function training({ store }: Rig): Promise<void> {
  for (const end of ['2001-04-02', '2001-06-01']) {
    const start = performance.now();
    const { trainingSet } = await store.createTrainingSet({
      parent: W,
      spec: {
        featureService: `${W}/featureServices/flight-delays`,
        labelDataset: dataset('flights'),
        label: 'delay >= 15',
        startTime: time('2001-01-01'),
        endTime: time(end),
      },
    });
    const phases: Record<string, number> = {};
    for await (const { trainingSet: seen } of store.watchTrainingSet({ name: trainingSet!.name })) {
      phases[seen!.execution!.message] ??= seconds(start);
      if (seen!.execution!.state < JobState.SUCCEEDED) continue;
      print('training set', {
        state: JobState[seen!.execution!.state],
        rows: Number(seen!.table?.rows ?? 0),
        seconds: seconds(start),
        phases: JSON.stringify(phases),
        failure: seen!.execution!.failure?.message ?? '',
      });
    }
  }
}

async function materialize({ store }: Rig): Promise<void> {
  const featureViews = flights.featureViews.map((view) => view.name!);
  const took: number[] = [];
  const begin = performance.now();
  let written = 0;
  for (let day = 0; day < 90; day++) {
    const start = performance.now();
    const { materialization } = await store.materialize({ parent: W, featureViews, asOf: time('2001-04-01', day) });
    for await (const { materialization: seen } of store.watchMaterialization({ name: materialization!.name })) {
      if (seen!.execution!.state < JobState.SUCCEEDED) continue;
      if (seen!.execution!.state !== JobState.SUCCEEDED) throw new Error(seen!.execution!.failure?.message);
      written += Number(seen!.writtenRows);
    }
    took.push(performance.now() - start);
  }
  const total = seconds(begin);
  const slowest = took
    .map((ms, day) => [Math.round(ms), day] as const)
    .sort((a, b) => b[0] - a[0])
    .slice(0, 6);
  took.sort((a, b) => a - b);
  print('90 daily materializations', {
    seconds: total,
    rows: written,
    p50Ms: Math.round(took[45]!),
    maxMs: Math.round(took[89]!),
    slowest: JSON.stringify(slowest),
  });
}

async function online(rig: Rig): Promise<void> {
  const days = (n: number) => ({ seconds: BigInt(n * 86_400) });
  const ids = ['a', 'b', 'c', 'd', 'e'];
  await rig.ingestion.load(
    rig.test.platform,
    'numbers',
    `SELECT i AS entity_id, TIMESTAMP '2001-01-01' AS t, ${Array.from({ length: 10 }, (_, j) => `random() AS f${j}`).join(', ')} FROM range(10000) AS r(i)`,
  );
  await rig.store.applyFeatureViews({
    parent: W,
    entities: [{ name: `${W}/entities/number`, joinKeys: [{ name: 'entity_id', type: DataType.INT64 }] }],
    featureViews: ids.map((id) => ({
      name: `${W}/featureViews/${id}`,
      entity: `${W}/entities/number`,
      dataset: dataset('numbers'),
      eventTime: 't',
      refresh: days(1),
      features: Array.from({ length: 10 }, (_, j) => ({
        name: `f${j}`,
        expression: `f${j}`,
        aggregate: AggregateFunction.UNSPECIFIED,
      })),
    })),
    featureServices: [
      {
        name: `${W}/featureServices/fifty`,
        eventTimeColumn: 'at',
        requestColumns: [
          { name: 'at', type: DataType.TIMESTAMP },
          { name: 'entity_id', type: DataType.INT64 },
        ],
        views: ids.map((id) => ({ featureView: `${W}/featureViews/${id}` })),
      },
    ],
  });
  const start = performance.now();
  const { materialization } = await rig.store.materialize({
    parent: W,
    featureViews: ids.map((id) => `${W}/featureViews/${id}`),
    asOf: time('2001-01-02'),
  });
  for await (const { materialization: seen } of rig.store.watchMaterialization({ name: materialization!.name }))
    if (seen!.execution!.state >= JobState.SUCCEEDED)
      print('materialize 5 × 10,000 × 10', {
        state: JobState[seen!.execution!.state],
        rows: Number(seen!.writtenRows),
        seconds: seconds(start),
      });
  const rng = createRng(1);
  for (const keys of [10_000, 100]) {
    const took: number[] = [];
    const begin = performance.now();
    const until = begin + 6000;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (performance.now() < until) {
          const at = performance.now();
          const { results } = await rig.store.getOnlineFeatures({
            featureService: `${W}/featureServices/fifty`,
            columns: { entity_id: { values: [{ kind: { case: 'int64Value', value: BigInt(rng.nextInt(keys)) } }] } },
          });
          if (results.length !== 50 || results[49]!.values[0]!.kind.case !== 'doubleValue')
            throw new Error('wrong answer');
          took.push(performance.now() - at);
        }
      }),
    );
    const perSecond = Math.round(took.length / ((performance.now() - begin) / 1000));
    took.sort((a, b) => a - b);
    const at = (q: number) => Math.round(took[Math.floor(took.length * q)]! * 100) / 100;
    print('online 1 × 50, 8 clients in the same process', {
      entities: keys,
      requestsPerSecond: perSecond,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    });
  }
}

const directory = await mkdtemp(join(tmpdir(), 'feature-store-bench-'));
await chmod(directory, 0o711);
const server = await startEmbeddedPostgres({ directory: join(directory, 'pg') });
env.MILLRACE_TEST_POSTGRES_URL = server.url;
const rig = await startRig();
try {
  print('machine', {
    load: readFileSync('/proc/loadavg', 'utf8').split(' ')[0]!,
    node: process.version,
  });
  if (wants('training') || wants('materialize')) {
    await rig.ingestion.load(rig.test.platform, 'flights', flightsSql());
    await rig.store.applyFeatureViews({ parent: W, ...flights });
  }
  if (wants('training')) await training(rig);
  if (wants('materialize')) await materialize(rig);
  if (wants('online')) await online(rig);
} finally {
  await rig.test.stop();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}
