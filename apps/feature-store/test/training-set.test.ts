import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { loadManifest } from '@millrace/tables';
import { dataset, flights, flightsSql, type Rig, startRig, W } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
  await rig.ingestion.load(
    rig.test.platform,
    'flights',
    flightsSql("date < TIMESTAMP '2001-01-20' AND distance % 3 = 0"),
  );
  await rig.store.applyFeatureViews({ parent: W, ...flights });
});
afterAll(() => rig.test.stop());

const time = (text: string) => ({ seconds: BigInt(Date.parse(`${text}T00:00:00Z`) / 1000) });

async function made(spec: object, requestId = '') {
  const { trainingSet } = await rig.store.createTrainingSet({
    parent: W,
    requestId,
    spec: {
      featureService: `${W}/featureServices/flight-delays`,
      labelDataset: dataset('flights'),
      label: 'delay >= 15',
      ...spec,
    },
  });
  for await (const { trainingSet: seen } of rig.store.watchTrainingSet({ name: trainingSet!.name }))
    if (seen!.execution!.state >= JobState.SUCCEEDED) return seen!;
  throw new Error('the watch ended early');
}

test('a training set has its columns, is sorted, profiled, and the same again', async () => {
  const set = await made({ startTime: time('2001-01-10'), endTime: time('2001-01-12') });
  expect(set.execution).toMatchObject({ state: JobState.SUCCEEDED });
  expect(set.table!.schema!.fields.map((f) => f.name)).toEqual([
    'event_time',
    ...['distance', 'origin', 'destination'],
    ...['late_rate_1d', 'late_rate_7d', 'mean_delay_1d', 'mean_delay_7d'].map((f) => `origin__${f}`),
    ...['late_rate_1d', 'late_rate_7d', 'mean_delay_1d', 'mean_delay_7d'].map((f) => `destination__${f}`),
    ...['late_rate_28d', 'mean_delay_28d', 'flights_28d'].map((f) => `route__${f}`),
    ...['minute_of_day', 'day_of_week', 'label'],
  ]);
  const { blobs, tables } = rig.test.platform;
  const manifest = await loadManifest(blobs, set.table!.manifest!.digest as `sha256:${string}`);
  await tables.withConnection(
    async (c) => {
      const [expected] = await c.rows<{ n: number }>(
        `SELECT count(*) AS n FROM (${flightsSql()}) WHERE date >= TIMESTAMP '2001-01-10' AND date < TIMESTAMP '2001-01-12' AND distance % 3 = 0`,
      );
      expect(Number(set.table!.rows)).toBe(expected!.n);
      const columns = set.table!.schema!.fields.map((f) => `"${f.name}"`).join(', ');
      const [wrong] = await c.rows<{ n: number }>(
        `SELECT count(*) AS n FROM (SELECT * FROM s) POSITIONAL JOIN (SELECT ROW(${columns}) AS sorted FROM s ORDER BY ${columns}) WHERE ROW(${columns}) IS DISTINCT FROM sorted`,
      );
      expect(wrong!.n).toBe(0);
    },
    { inputs: { s: manifest } },
  );
  const again = await made({ startTime: time('2001-01-10'), endTime: time('2001-01-12') });
  expect(again.profile).toEqual(set.profile);
  const other = await loadManifest(blobs, again.table!.manifest!.digest as `sha256:${string}`);
  expect(other.files.map((f) => f.digest)).toEqual(manifest.files.map((f) => f.digest));
});
