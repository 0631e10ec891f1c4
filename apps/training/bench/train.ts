/**
 * Times a training on a set of the flight-delays example's shape: 1.25 M rows × 15 columns of real flights.
 *
 *   node apps/training/bench/train.ts [--rows 1250000] [--threads 2] [--json]
 *
 * Prints the seconds of each phase and the largest resident set of the process, PostgreSQL not counted.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '@millrace/postgres';

const FLIGHTS = resolve(import.meta.dirname, '../../../node_modules/vega-datasets/data/flights-3m.parquet');

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1250000' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
});

/** The example's features, with daily statistics by day and airport as stand-ins for its windows; sorted by time. */
const sql = `WITH f AS (
    SELECT date, delay, distance, origin, destination, CAST(date AS DATE) AS day,
      CASE WHEN delay >= 15 THEN 1.0 ELSE 0.0 END AS late
    FROM read_parquet('${FLIGHTS}') ORDER BY date, origin, destination, distance, delay LIMIT ${Number(values.rows)}),
  o AS (SELECT origin, day + 1 AS day, avg(late) AS late, avg(delay) AS mean FROM f GROUP BY ALL),
  d AS (SELECT destination, day + 1 AS day, avg(late) AS late, avg(delay) AS mean FROM f GROUP BY ALL),
  o7 AS (SELECT origin, day, avg(late) OVER w AS late, avg(mean) OVER w AS mean FROM o
    WINDOW w AS (PARTITION BY origin ORDER BY day RANGE BETWEEN INTERVAL 6 DAY PRECEDING AND CURRENT ROW)),
  d7 AS (SELECT destination, day, avg(late) OVER w AS late, avg(mean) OVER w AS mean FROM d
    WINDOW w AS (PARTITION BY destination ORDER BY day RANGE BETWEEN INTERVAL 6 DAY PRECEDING AND CURRENT ROW)),
  r AS (SELECT origin, destination, day + 1 AS day, avg(late) AS late, avg(delay) AS mean, count(*) AS flights
    FROM f GROUP BY ALL)
  SELECT f.date AS event_time, f.distance, f.origin, f.destination,
    o.late AS origin__late_rate_1d, o7.late AS origin__late_rate_7d, o.mean AS origin__mean_delay_1d,
    o7.mean AS origin__mean_delay_7d, d.late AS destination__late_rate_1d, d7.late AS destination__late_rate_7d,
    d.mean AS destination__mean_delay_1d, d7.mean AS destination__mean_delay_7d, r.late AS route__late_rate,
    r.mean AS route__mean_delay, date_part('hour', f.date) * 60 + date_part('minute', f.date) AS minute_of_day,
    date_part('isodow', f.date) AS day_of_week, f.delay >= 15 AS label
  FROM f LEFT JOIN o USING (origin, day) LEFT JOIN o7 USING (origin, day) LEFT JOIN d USING (destination, day)
    LEFT JOIN d7 USING (destination, day) LEFT JOIN r USING (origin, destination, day)
  ORDER BY f.date, f.origin, f.destination, f.distance, f.delay`;

const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
await chmod(directory, 0o755); // PostgreSQL runs as a user of its own when this runs as root
const postgres = await startEmbeddedPostgres({ directory: join(directory, 'postgres') });
process.env.MILLRACE_TEST_POSTGRES_URL = postgres.url;
const { createRig, WORKSPACE } = await import('../test/rig.ts');
const rig = await createRig({ threadsMax: Number(values.threads) });
try {
  const trainingSet = await rig.addSet('bench', sql);
  let delayMs = 0;
  let last = performance.now();
  const ticks = setInterval(() => {
    delayMs = Math.max(delayMs, performance.now() - last - 10);
    last = performance.now();
  }, 10);
  let peak = 0;
  const memory = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 50);
  const before = process.memoryUsage.rss();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const { trainingJob } = await rig.training.createTrainingJob({
    parent: WORKSPACE,
    spec: {
      trainingSet,
      preprocessing: [
        { columns: ['origin', 'destination'], step: { case: 'ordinal', value: { order: 'target' } } },
        { step: { case: 'passthrough', value: {} } },
      ],
      estimator: {
        kind: { case: 'gradientBoosting', value: { numIterations: 100, numLeaves: 31, learningRate: 0.1 } },
      },
      split: { testFraction: 0.15 },
      crossValidation: { kind: 'time_series', folds: 3, rowsMax: 300_000n },
      seed: 7n,
      threads: Number(values.threads),
    },
  });
  const { execution, result } = await rig.ended(trainingJob!.name);
  const seconds = (performance.now() - start) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  clearInterval(memory);
  clearInterval(ticks);
  const figures = {
    rows: Number(values.rows),
    threads: Number(values.threads),
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    phases: result?.seconds,
    metrics: result?.metrics,
    folds: result?.folds.map(({ metrics }) => metrics.auc),
    parity: result && { rows: Number(result.parity!.rows), maxAbs: result.parity!.maxAbs },
    model: result?.model?.digest,
    profile: result?.profile?.digest,
    rssBeforeMib: before / 2 ** 20,
    peakRssMib: peak / 2 ** 20,
    eventLoopDelayMaxMs: delayMs,
    failure: execution?.failure?.message,
  };
  if (values.json) console.log(JSON.stringify(figures));
  else console.log(figures);
} finally {
  await rig.stop();
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
}
