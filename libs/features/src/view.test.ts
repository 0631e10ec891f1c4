import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { boundaryAtOrBefore, boundaryIndexSql, parseDuration } from './durations.ts';
import { materializeSql } from './materialize.ts';
import { explainPlan } from './plan.ts';
import { pointInTimeSql } from './point-in-time.ts';
import { openTestDuckDb, type TestDuckDb } from './testing.ts';
import type { ColumnSchema } from './types.ts';
import { compileFeatureView, type FeatureViewDefinition } from './view.ts';

let db: TestDuckDb;
beforeAll(async () => {
  db = await openTestDuckDb();
});
afterAll(() => db.close());

const schema: ColumnSchema[] = [
  { name: 'date', type: 'timestamp' },
  { name: 'delay', type: 'int64' },
  { name: 'share', type: 'float64' },
  { name: 'origin', type: 'string' },
];
const base: FeatureViewDefinition = {
  name: 'origin',
  source: 'flights',
  entityKeys: ['origin'],
  eventTime: 'date',
  availableTime: 'date + to_minutes(greatest(delay, 0))',
  refresh: '1d',
  features: [
    { name: 'late_rate_1d', type: 'float64', aggregate: { function: 'mean', window: '1d', over: 'delay >= 15' } },
    { name: 'last_delay', type: 'int64', expression: 'delay' },
  ],
};
const compile = (definition: FeatureViewDefinition) =>
  compileFeatureView(definition, { schema, serializeSql: db.serializeSql });

test('durations', () => {
  expect(parseDuration('90s', 'f')).toBe(90_000_000n);
  expect(parseDuration('4w', 'f')).toBe(parseDuration('28d', 'f'));
  for (const text of ['', '1', '1y', '-1d', '0d', '1.5h', '99999999999w'])
    expect(() => parseDuration(text, 'f')).toThrow(expect.objectContaining({ reason: 'DURATION_INVALID' }));
});

test('boundaries round down, also before 1970, and SQL agrees', async () => {
  const refresh = { cadenceMicros: 10n, offsetMicros: 3n };
  for (const [t, expected] of [
    [13n, 13n],
    [12n, 3n],
    [3n, 3n],
    [2n, -7n],
    [-7n, -7n],
    [-8n, -17n],
  ] as const) {
    expect(boundaryAtOrBefore(refresh, t)).toBe(expected);
    const [row] = await db.rows(
      `SELECT ${boundaryIndexSql(refresh, `${t}::BIGINT`, false)}, ${boundaryIndexSql(refresh, `${t}::BIGINT`, true)}`,
    );
    expect(BigInt(Number(row![0])) * 10n + 3n).toBe(expected);
    expect(BigInt(Number(row![1])) * 10n + 3n).toBe(t === expected ? t : expected + 10n);
  }
});

test('a window is open at its start and closed at its boundary', async () => {
  // Half past the last minute of the day counts from midnight on; the row at midnight itself belongs to that boundary.
  await db.run(`CREATE OR REPLACE TABLE flights AS FROM (VALUES
    (TIMESTAMP '2001-01-01 00:00:00', 20::BIGINT, 0.5, 'A'), (TIMESTAMP '2001-01-01 23:40:00', 20, 0.5, 'A'),
    (TIMESTAMP '2001-01-01 23:50:00', 20, 0.5, 'A'), (TIMESTAMP '2001-01-02 00:00:00', 0, 0.5, 'A')) AS t(date, delay, share, origin)`);
  await db.run(`CREATE OR REPLACE TABLE labels AS FROM (VALUES (TIMESTAMP '2001-01-02 00:00:00'), (TIMESTAMP '2001-01-02 23:59:59'),
    (TIMESTAMP '2001-01-03 00:00:00'), (TIMESTAMP '2001-01-04 00:00:00')) AS t("at")`);
  const view = await compile({
    ...base,
    features: [{ name: 'n', type: 'int64', aggregate: { function: 'count', window: '1d' } }],
  });
  const sql = pointInTimeSql({
    labels: { relation: `(SELECT *, 'A' AS "from" FROM labels)`, time: 'at', passthrough: [] },
    views: [{ view, relation: 'flights', keys: { origin: 'from' } }],
  });
  // Available at 00:20 and 2001-01-02 00:00 (twice), and at 2001-01-02 00:10.
  expect((await db.rows(sql)).map(([n]) => Number(n))).toEqual([3, 3, 1, 0]);
});

test('NaN, infinities and huge values make a sum NaN; huge integers are summed exactly', async () => {
  await db.run(`CREATE OR REPLACE TABLE flights AS FROM (VALUES
    (TIMESTAMP '2001-01-01', 9223372036854775807::BIGINT, 'nan'::DOUBLE, 'A'), (TIMESTAMP '2001-01-01', 9223372036854775805, 1, 'A'),
    (TIMESTAMP '2001-01-01', 1, 1e20, 'B'), (TIMESTAMP '2001-01-01', 3, -1e20, 'B'), (TIMESTAMP '2001-01-01', 5, 1e-9, 'B')) AS t(date, delay, share, origin)`);
  const of = (name: string, fn: 'sum' | 'mean' | 'stddev' | 'max', over: string, type: 'int64' | 'float64') => ({
    name,
    type,
    aggregate: { function: fn, window: '1d', over },
  });
  const view = await compile({
    ...base,
    availableTime: 'date',
    features: [
      of('i', 'sum', 'delay', 'int64'),
      of('m', 'mean', 'delay', 'float64'),
      of('f', 'sum', 'share', 'float64'),
      of('sd', 'stddev', 'delay', 'float64'),
      of('mx', 'max', 'share', 'float64'),
    ],
  });
  const at = BigInt(Date.UTC(2001, 0, 1)) * 1000n;
  const rows = await db.rows(materializeSql({ view, relation: 'flights', from: at, to: at }));
  expect(rows.map((r) => r.slice(3))).toEqual([
    [null, 2 ** 63, Number.NaN, Number.NaN, Number.NaN],
    [9n, 3, 1e-9, 2, 1e20],
  ]);
});

test('all that is wrong with a view is reported at once', async () => {
  const error = await compile({
    ...base,
    entityKeys: ['orign'],
    eventTime: 'delay',
    ttl: 'soon',
    features: [
      { name: 'a', type: 'int64', expression: 'dleay + 1' },
      { name: 'a', type: 'string', expression: 'delay' },
      { name: 'b', type: 'float64', aggregate: { function: 'mean', window: '36h', over: 'delay' } },
      { name: 'c', type: 'float64', aggregate: { function: 'mean', window: '1d', over: 'origin' } },
      { name: 'd d', type: 'float64' },
    ],
  }).catch((e: unknown) => e);
  expect((error as { violations: { field: string }[] }).violations.map((v) => v.field)).toEqual([
    'featureView.entityKeys[0]',
    'featureView.entityKeys',
    'featureView.eventTime',
    'featureView.ttl',
    'featureView.features[0].expression',
    'featureView.features[1].name',
    'featureView.features[1].type',
    'featureView.features[2].aggregate.window',
    'featureView.features[3].aggregate.over',
    'featureView.features[4].name',
    'featureView.features[4]',
  ]);
});

test('names that would clash are refused, a prefix helps', async () => {
  const view = await compile(base);
  const labels = { relation: 'labels', time: 'at', passthrough: ['last_delay'] };
  const request = (prefix: string) => ({ labels, views: [{ view, relation: 'flights', prefix }] });
  expect(() => pointInTimeSql(request(''))).toThrow(expect.objectContaining({ reason: 'FEATURE_NAME_CONFLICT' }));
  expect(pointInTimeSql(request('origin__'))).toContain('"origin__last_delay"');
});

test('a view without refresh is materialized for one moment', async () => {
  const { refresh: _, ...rest } = base;
  const view = await compile(rest);
  expect(() => materializeSql({ view, relation: 'flights', from: 0n, to: 1n })).toThrow(
    expect.objectContaining({ reason: 'MATERIALIZATION_RANGE_INVALID' }),
  );
});

test('a plan names what changes and what it costs', async () => {
  const before = await compile(base);
  const [rate, last] = base.features;
  expect(explainPlan(before, await compile({ ...base, eventTime: ' DATE ' }))).toMatchObject({
    action: 'unchanged',
    recompute: false,
  });
  expect(explainPlan(undefined, before)).toMatchObject({ action: 'create', recompute: true, breaking: false });
  expect(explainPlan(before, undefined)).toMatchObject({ action: 'delete', recompute: false, breaking: true });
  expect(
    explainPlan(before, await compile({ ...base, features: [rate!, { ...last!, doc: 'Minutes.' }] })),
  ).toMatchObject({
    action: 'update',
    recompute: false,
    breaking: false,
    features: [{ name: 'last_delay', change: 'documented', parts: ['doc'] }],
  });
  const wider = { ...rate!, aggregate: { function: 'mean' as const, window: '7d', over: 'delay >= 15' } };
  expect(
    explainPlan(before, await compile({ ...base, features: [wider, { ...last!, name: 'delay_now' }] })),
  ).toMatchObject({
    recompute: true,
    breaking: true,
    features: [
      { name: 'late_rate_1d', change: 'changed', parts: ['window'] },
      { name: 'delay_now', change: 'added' },
      { name: 'last_delay', change: 'removed' },
    ],
  });
  expect(explainPlan(before, await compile({ ...base, ttl: '7d' })).settings).toEqual([
    { setting: 'ttl', from: 'none', to: '604800000000 us' },
  ]);
});
