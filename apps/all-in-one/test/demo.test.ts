import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMillraceClient } from '@millrace/client';
import type { TemporaryDirectory } from '@millrace/testing';
import { temporaryDirectory } from '@millrace/testing';
import { type Ended, runCommand, startUp } from './cli-process.ts';
import { CUT_ROWS, writeCut } from './flights.ts';

/** Predictions a month. */
const SAMPLE = 300;
const DAYS_APRIL_TO_JUNE = 91;

/** The last line of `demo --json`, as the issue asks for it. */
interface Summary {
  seconds: number;
  peakRssMib: number;
  steps: { name: string; seconds: number; rows: number }[];
  datasetVersions: { version: string; rows: number; quarantined: number; status: string }[];
  deadLettersByRule: Record<string, number>;
  modelVersions: {
    version: string;
    alias: string;
    digest: string;
    auc: number;
    logLoss: number;
    parityMaxAbs: number;
  }[];
  performanceByMonth: { month: string; modelVersion: string; rows: number; auc: number; logLoss: number }[];
  driftAlerts: unknown[];
  predictions: { sent: number; failed: number; lost: number; byVersion: Record<string, number> };
  retrained: boolean;
  events: { published: number; delivered: number };
}

let directory: TemporaryDirectory;
let first: Summary;
let second: Summary;

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

function summaryOf(ended: Ended): Summary {
  if (ended.code !== 0) throw new Error(`The demo ended with ${ended.code}: ${ended.stderr.slice(-5000)}`);
  return JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) as string) as Summary;
}

beforeAll(async () => {
  directory = await temporaryDirectory();
  const cut = await writeCut(directory.path);
  const args = ['demo', '--json', '--dir', `${directory.path}/data`, '--data', cut, '--sample', String(SAMPLE)];
  first = summaryOf(await runCommand(args));
  second = summaryOf(await runCommand(args));
}, 400_000);

afterAll(async () => directory?.[Symbol.asyncDispose]());

test('every step has run and has its time', () => {
  const names = first.steps.map(({ name }) => name);
  for (const step of ['ingest', 'validate', 'materialize', 'trainingSet', 'train', 'register', 'promote', 'deploy'])
    expect(names).toContain(`Jan–Mar ${step}`);
  for (const month of ['2001-04', '2001-05', '2001-06']) expect(names).toContain(`${month} days lived`);
  expect(first.steps.every(({ seconds, rows }) => seconds >= 0 && rows >= 0)).toBe(true);
  expect(first.seconds).toBeGreaterThan(0);
  expect(first.peakRssMib).toBeGreaterThan(0);
});

test('the months are loaded whole, but for the broken rows; the rejected delivery is in no later version', () => {
  const { datasetVersions: versions } = first;
  const published = versions.filter(({ status }) => status === 'PUBLISHED');
  const rejected = versions.filter(({ status }) => status === 'REJECTED');
  expect(rejected).toHaveLength(1);
  expect(rejected[0]?.quarantined).toBeGreaterThan(0);
  for (const [i, version] of published.entries())
    expect(version.rows).toBeGreaterThan(i === 0 ? 0 : (published[i - 1]?.rows ?? 0));
  // Whatever is not published at the end is a dead letter that nobody has corrected: never more than 0.1 % here.
  const last = published.at(-1)?.rows ?? 0;
  expect(last).toBeLessThanOrEqual(CUT_ROWS);
  expect(last).toBeGreaterThan(CUT_ROWS * 0.999);
});

test('broken rows are dead letters, each with its rule', () => {
  const rules = first.deadLettersByRule;
  for (const rule of ['origin-present', 'destination-known', 'delay-plausible', 'flight-unique', 'schema.types'])
    expect(rules[rule]).toBeGreaterThan(0);
  expect(sum(Object.values(rules))).toBe(sum(first.datasetVersions.map(({ quarantined }) => quarantined)));
});

test('each model gives in ONNX Runtime what it gave in training, and is better than chance', () => {
  expect(first.modelVersions.length).toBeGreaterThanOrEqual(1);
  for (const model of first.modelVersions) {
    expect(model.parityMaxAbs).toBeLessThanOrEqual(1e-6);
    expect(model.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(model.auc).toBeGreaterThan(0.58);
    expect(model.auc).toBeLessThan(0.75);
  }
  expect(first.modelVersions.filter(({ alias }) => alias === 'champion')).toHaveLength(1);
  expect(first.retrained).toBe(true);
});

test('no prediction has failed or got lost, each has its truth, and events have arrived', () => {
  const { sent, failed, lost, byVersion } = first.predictions;
  expect({ failed, lost }).toEqual({ failed: 0, lost: 0 });
  expect(sent).toBeGreaterThanOrEqual(3 * SAMPLE);
  expect(sum(Object.values(byVersion))).toBe(sent);
  const scored = first.performanceByMonth;
  for (const month of ['2001-04', '2001-05', '2001-06'])
    expect(sum(scored.filter((row) => row.month === month).map(({ rows }) => rows))).toBeGreaterThanOrEqual(SAMPLE);
  expect(Array.isArray(first.driftAlerts)).toBe(true);
  expect(first.events.published).toBeGreaterThan(DAYS_APRIL_TO_JUNE);
  expect(first.events.delivered).toBeGreaterThan(0);
});

test('the second run on the same directory finds all done and doubles nothing', () => {
  expect(second.datasetVersions).toEqual(first.datasetVersions);
  expect(second.deadLettersByRule).toEqual(first.deadLettersByRule);
  expect(second.modelVersions).toEqual(first.modelVersions);
  expect(second.performanceByMonth).toEqual(first.performanceByMonth);
  expect(second.driftAlerts).toEqual(first.driftAlerts);
  expect(second.predictions).toEqual(first.predictions);
});

test('what is published has no row twice, as a query over the versions says', async () => {
  const up = await startUp(`${directory.path}/data`);
  const client = createMillraceClient({ address: up.grpcAddress });
  try {
    const counts = async (version: string) => {
      const name = `workspaces/default/datasets/flights/versions/${version}`;
      const sql = 'select count(*), (select count(*) from (select distinct * from f)) from f';
      for await (const { rowsJson } of client.ingestion.queryDatasets({
        parent: 'workspaces/default',
        sql,
        datasets: { f: name },
      }))
        if (rowsJson[0]) return (JSON.parse(rowsJson[0]) as (number | string)[]).map(Number);
      return [];
    };
    const published = first.datasetVersions.filter(({ status }) => status === 'PUBLISHED');
    for (const { version, rows } of published) expect(await counts(version)).toEqual([rows, rows]);

    const newest = await client.ingestion.getDatasetVersion({ name: 'workspaces/default/datasets/flights' });
    expect(newest.datasetVersion?.name.split('/').at(-1)).toBe(published.at(-1)?.version);
  } finally {
    client.close();
    await up.stop();
  }
}, 60_000);
