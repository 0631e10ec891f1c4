import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { AggregateFunction } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { dataset, flights, flightsSql, type Rig, startRig, W } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.test.stop());

const kinds = (plan: readonly { kind: string }[]) => [...new Set(plan.map((change) => change.kind))];
const service = `${W}/featureServices/flight-delays`;
const days = (n: number) => ({ seconds: BigInt(n * 86_400) });

test('a dataset that does not exist is an error, and only noted in a plan', async () => {
  const planned = await rig.store.applyFeatureViews({ parent: W, ...flights, validateOnly: true });
  expect(planned.plan.find((change) => change.name.endsWith('featureViews/origin'))!.details.join(' ')).toContain(
    'does not exist yet',
  );
  await expect(rig.store.applyFeatureViews({ parent: W, ...flights })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    violations: expect.arrayContaining([
      expect.objectContaining({ field: 'feature_views[2].dataset', reason: 'DATASET_NOT_FOUND' }),
    ]),
  });
  await expect(rig.store.getEntity({ name: flights.entities[0]!.name })).rejects.toMatchObject({
    reason: 'ENTITY_NOT_FOUND',
  });
});

test('views of a dataset without a version are stored, and refused at the first use when they do not fit', async () => {
  rig.ingestion.versions.set(dataset('flights'), []);
  const { plan, featureServices } = await rig.store.applyFeatureViews({ parent: W, ...flights });
  expect(kinds(plan)).toEqual(['CREATE']);
  expect(featureServices[0]!.columns.find((c) => c.name === 'origin__late_rate_1d')!.type).toBe(DataType.UNSPECIFIED);
  await expect(
    rig.store.materialize({ parent: W, featureViews: [flights.featureViews[0]!.name!], asOf: { seconds: 0n } }),
  ).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'DATASET_VERSION_NOT_PUBLISHED',
  });
  await rig.ingestion.load(rig.test.platform, 'flights', 'SELECT 1 AS n');
  await expect(
    rig.store.materialize({ parent: W, featureViews: [flights.featureViews[0]!.name!], asOf: { seconds: 0n } }),
  ).rejects.toMatchObject({ reason: 'FEATURE_VIEW_BROKEN' });
  rig.ingestion.versions.set(dataset('flights'), []);
  await rig.ingestion.load(rig.test.platform, 'flights', flightsSql("date < TIMESTAMP '2001-01-03'"));
  await rig.store.materialize({
    parent: W,
    featureViews: flights.featureViews.map((v) => v.name!),
    asOf: { seconds: 978480000n },
  });
  const { featureService } = await rig.store.getFeatureService({ name: service });
  expect(featureService!.columns.map((c) => DataType[c.type])).toEqual([
    ...['INT64', 'STRING', 'STRING'],
    ...new Array(10).fill('FLOAT64'),
    ...['INT64', 'INT64', 'INT64'],
  ]);
});

test('applying the same again changes nothing; a change is told and keeps the rest', async () => {
  const before = await rig.store.listFeatureViews({ parent: W });
  const again = await rig.store.applyFeatureViews({ parent: W, ...flights });
  expect(kinds(again.plan)).toEqual(['NONE']);
  expect((await rig.store.listFeatureViews({ parent: W })).featureViews.map((v) => v.etag)).toEqual(
    before.featureViews.map((v) => v.etag),
  );
  const [origin] = flights.featureViews;
  const spelled = {
    ...origin!,
    features: origin!.features!.map((f) => (f.expression === 'delay' ? { ...f, expression: ' DELAY ' } : f)),
  };
  const other = {
    ...origin!,
    features: [
      ...origin!.features!,
      { name: 'flights_1d', expression: 'delay', aggregate: AggregateFunction.COUNT, window: days(1) },
    ],
  };
  expect(
    kinds((await rig.store.applyFeatureViews({ parent: W, featureViews: [spelled], validateOnly: true })).plan),
  ).toEqual(['NONE']);
  const { plan } = await rig.store.applyFeatureViews({ parent: W, featureViews: [other] });
  expect(plan).toMatchObject([{ kind: 'UPDATE', recompute: true, details: ['Feature "flights_1d" is added.'] }]);
  const after = await rig.store.getFeatureView({ name: origin!.name! });
  expect(after.featureView!.etag).not.toBe(before.featureViews.find((v) => v.name === origin!.name)!.etag);
  expect(after.featureView!.materializedTime).toBeUndefined();
  await rig.store.applyFeatureViews({ parent: W, featureViews: [origin!] });
});

test('everything that is wrong is told at once, and nothing is stored', async () => {
  const bad = {
    name: `${W}/featureViews/bad`,
    entity: `${W}/entities/nobody`,
    dataset: dataset('flights'),
    eventTime: 'no_such_column',
    refresh: days(2),
    features: [
      { name: 'a', expression: 'delay +', aggregate: AggregateFunction.MEAN, window: days(3) },
      { name: 'a', expression: "read_csv('/etc/passwd')" },
      { name: 'b', expression: 'delay', window: days(2) },
    ],
  };
  const wrong = { ...bad, name: `${W}/featureViews/wrong`, entity: `${W}/entities/origin` };
  await expect(
    rig.store.applyFeatureViews({
      parent: W,
      entities: [{ name: `${W}/entities/it's "odd"`, joinKeys: [{ name: 'k', type: DataType.FLOAT64 }] }],
    }),
  ).rejects.toMatchObject({
    violations: [expect.objectContaining({ field: 'entities[0].name', reason: 'RESOURCE_NAME_INVALID' })],
  });
  await expect(
    rig.store.applyFeatureViews({
      parent: W,
      entities: [{ name: `${W}/entities/float`, joinKeys: [{ name: 'k', type: DataType.FLOAT64 }] }],
      featureViews: [bad, wrong],
      featureServices: [
        {
          ...flights.featureServices[0]!,
          name: `${W}/featureServices/x`,
          eventTimeColumn: 'when',
          views: [
            { featureView: `${W}/featureViews/none` },
            { featureView: `${W}/featureViews/route`, features: ['speed'], keys: { origin: 'distance' } },
          ],
        },
      ],
    }),
  ).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    violations: expect.arrayContaining([
      expect.objectContaining({ field: 'entities[0].join_keys[0].type', reason: 'KEY_TYPE' }),
      expect.objectContaining({ field: 'feature_views[0].entity', reason: 'ENTITY_NOT_FOUND' }),
      expect.objectContaining({ field: 'feature_views[1].event_time', reason: 'EXPRESSION_UNKNOWN_COLUMN' }),
      expect.objectContaining({ field: 'feature_views[1].features[0].expression', reason: 'EXPRESSION_SYNTAX' }),
      expect.objectContaining({
        field: 'feature_views[1].features[0].window',
        reason: 'WINDOW_NOT_MULTIPLE_OF_REFRESH',
      }),
      expect.objectContaining({ field: 'feature_views[1].features[1].name', reason: 'NAME_TAKEN' }),
      expect.objectContaining({
        field: 'feature_views[1].features[1].expression',
        reason: expect.stringMatching(/FORBIDDEN|UNKNOWN_FUNCTION/),
      }),
      expect.objectContaining({ field: 'feature_views[1].features[2].window', reason: 'WINDOW_WITHOUT_AGGREGATE' }),
      expect.objectContaining({ field: 'feature_services[0].event_time_column', reason: 'COLUMN_NOT_FOUND' }),
      expect.objectContaining({ field: 'feature_services[0].views[0].feature_view', reason: 'FEATURE_VIEW_NOT_FOUND' }),
      expect.objectContaining({ field: 'feature_services[0].views[1].features[0]', reason: 'FEATURE_NOT_FOUND' }),
      expect.objectContaining({ field: 'feature_services[0].views[1].keys', reason: 'KEY_TYPE' }),
    ]),
  });
  const { featureViews } = await rig.store.listFeatureViews({ parent: W, pageSize: 2 });
  expect(featureViews.map((v) => v.name.split('/').at(-1))).toEqual(['destination', 'origin']);
});

test('what is in use stays', async () => {
  const [origin] = flights.featureViews;
  await expect(rig.store.deleteFeatureView({ name: origin!.name! })).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'FEATURE_VIEW_IN_USE',
  });
  await expect(rig.store.deleteEntity({ name: flights.entities[0]!.name })).rejects.toMatchObject({
    reason: 'ENTITY_IN_USE',
  });
  await expect(rig.store.deleteFeatureService({ name: service, etag: 'other' })).rejects.toMatchObject({
    reason: 'ETAG_MISMATCH',
  });
  const smaller = { ...flights.featureViews[2]!, features: [{ name: 'only', expression: 'delay' }] };
  await rig.store.applyFeatureViews({
    parent: W,
    featureServices: [
      {
        ...flights.featureServices[0]!,
        views: [{ featureView: `${W}/featureViews/route`, features: ['flights_28d'] }],
      },
    ],
  });
  await expect(rig.store.applyFeatureViews({ parent: W, featureViews: [smaller] })).rejects.toMatchObject({
    violations: [expect.objectContaining({ reason: 'FEATURE_NOT_FOUND' })],
  });
  await rig.store.deleteFeatureView({ name: origin!.name! });
  await rig.store.deleteEntity({ name: flights.entities[0]!.name });
  await rig.store.deleteFeatureService({ name: service });
  await expect(rig.store.getFeatureService({ name: service })).rejects.toMatchObject({
    reason: 'FEATURE_SERVICE_NOT_FOUND',
  });
});

test('features are found by words, page by page', async () => {
  const found: string[] = [];
  let pageToken = '';
  do {
    const page = await rig.store.searchFeatures({ parent: W, query: 'DELAY route', pageSize: 1, pageToken });
    found.push(...page.features.map((f) => `${f.featureView.split('/').at(-1)}.${f.feature!.name}`));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(found).toEqual(['route.mean_delay_28d']);
  expect((await rig.store.searchFeatures({ parent: W })).features).toHaveLength(7);
});
