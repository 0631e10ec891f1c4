import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { waitFor } from '@millrace/testing';
import { dataset, flights, flightsSql, type Rig, startRig, W } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({ materializationChunkRows: 40 });
  await rig.ingestion.load(
    rig.test.platform,
    'flights',
    flightsSql("date < TIMESTAMP '2001-01-10' AND distance % 2 = 0"),
  );
  await rig.store.applyFeatureViews({ parent: W, ...flights });
});
afterAll(() => rig.test.stop());

const spec = {
  featureService: `${W}/featureServices/flight-delays`,
  labelDataset: dataset('flights'),
  label: 'delay >= 15',
};
const asOf = { seconds: BigInt(Date.parse('2001-01-09T12:00:00Z') / 1000) };
const featureViews = flights.featureViews.map((v) => v.name!);

test('a request id creates once', async () => {
  const [a, b] = [
    await rig.store.createTrainingSet({ parent: W, spec, requestId: 'one' }),
    await rig.store.createTrainingSet({ parent: W, spec, requestId: 'one' }),
  ];
  expect(b.trainingSet!.name).toBe(a.trainingSet!.name);
  const [c, d] = await Promise.all(
    [1, 2].map(() =>
      rig.store.materialize({
        parent: W,
        featureViews: featureViews.slice(0, 1),
        asOf: { seconds: 0n },
        requestId: 'two',
      }),
    ),
  );
  expect(c!.materialization!.name).toBe(d!.materialization!.name);
  const { trainingSets } = await rig.store.listTrainingSets({ parent: W });
  expect(trainingSets).toHaveLength(1);
  expect(trainingSets[0]).toMatchObject({
    labelVersion: `${dataset('flights')}/versions/1`,
    viewVersions: { [featureViews[0]!]: `${dataset('flights')}/versions/1` },
  });
});

test('a materialization that was stopped in the middle goes on and counts every row once', async () => {
  const { materialization } = await rig.store.materialize({ parent: W, featureViews, asOf });
  const name = materialization!.name;
  const state = async () => (await rig.store.getMaterialization({ name })).materialization!;
  await waitFor(async () => Number((await state()).writtenRows) > 30);
  await rig.test.restart();
  const between = await state();
  expect(between.execution!.state).toBeLessThan(JobState.SUCCEEDED);
  let last = between;
  for await (const { materialization: seen } of rig.store.watchMaterialization({ name })) last = seen!;
  expect(last.execution).toMatchObject({ state: JobState.SUCCEEDED });
  const database = rig.test.platform.database('feature-store');
  const [rows] = await database.query<{ n: number }>('select count(*)::int as n from online_values');
  expect(rows!.n).toBeGreaterThan(1000);
  expect(Number(last.writtenRows)).toBe(rows!.n);
  expect(Number(last.staleRows)).toBe(0);
});

test('a training set can be cancelled, and shows nothing half-done', async () => {
  const { trainingSet } = await rig.store.createTrainingSet({ parent: W, spec });
  await rig.store.cancelTrainingSet({ name: trainingSet!.name });
  let last = trainingSet!;
  for await (const { trainingSet: seen } of rig.store.watchTrainingSet({ name: trainingSet!.name })) last = seen!;
  expect([JobState.CANCELLED, JobState.SUCCEEDED]).toContain(last.execution!.state);
  expect(last.table !== undefined).toBe(last.execution!.state === JobState.SUCCEEDED);
});

test('wrong labels are refused before anything is stored', async () => {
  const before = (await rig.store.listTrainingSets({ parent: W })).trainingSets.length;
  await expect(
    rig.store.createTrainingSet({ parent: W, spec: { ...spec, label: 'origin', filter: 'speed > 3' } }),
  ).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    violations: [
      expect.objectContaining({ field: 'spec.label', reason: 'EXPRESSION_TYPE' }),
      expect.objectContaining({ field: 'spec.filter', reason: 'EXPRESSION_UNKNOWN_COLUMN' }),
    ],
  });
  await rig.ingestion.load(rig.test.platform, 'labels', "SELECT 'LAX' AS origin, 1 AS distance, true AS late");
  await expect(
    rig.store.createTrainingSet({ parent: W, spec: { ...spec, labelDataset: dataset('labels'), label: 'late' } }),
  ).rejects.toMatchObject({
    violations: expect.arrayContaining([
      expect.objectContaining({ field: 'spec.label_dataset', reason: 'REQUEST_COLUMN_MISSING' }),
    ]),
  });
  await expect(
    rig.store.createTrainingSet({ parent: W, spec: { ...spec, labelDataset: dataset('none') } }),
  ).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  expect((await rig.store.listTrainingSets({ parent: W })).trainingSets).toHaveLength(before);
});

test('a sample is seeded: the same rows again, others with another seed', async () => {
  const digests = async (seed: bigint) => {
    const { trainingSet } = await rig.store.createTrainingSet({ parent: W, spec: { ...spec, rowsMax: 500n, seed } });
    for await (const { trainingSet: seen } of rig.store.watchTrainingSet({ name: trainingSet!.name }))
      if (seen!.execution!.state === JobState.SUCCEEDED)
        return { rows: Number(seen!.table!.rows), profile: seen!.profile!.digest };
    throw new Error('it failed');
  };
  const [a, b, c] = [await digests(1n), await digests(1n), await digests(2n)];
  expect(a).toEqual(b);
  expect(a.rows).toBe(500);
  expect(c.profile).not.toBe(a.profile);
});
