import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { FeatureStatus } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { createRng } from '@millrace/kernel';
import { loadManifest } from '@millrace/tables';
import { dataset, flights, flightsSql, type Rig, startRig, W } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  // Chunks are small, so that every view takes several.
  rig = await startRig({ materializationChunkRows: 200 });
  await rig.ingestion.load(
    rig.test.platform,
    'flights',
    flightsSql("date < TIMESTAMP '2001-01-25' AND distance % 3 = 0"),
  );
  await rig.store.applyFeatureViews({ parent: W, ...flights });
});
afterAll(() => rig.test.stop());

const DAY = 86_400_000_000;
const micros = (text: string) => Date.parse(`${text.replace(' ', 'T')}Z`) * 1000;
const time = (us: number) => ({ seconds: BigInt(Math.floor(us / 1_000_000)) });
const views = flights.featureViews.map((v) => v.name!);
const text = (value: string) => ({ kind: { case: 'stringValue' as const, value } });
const int = (value: number) => ({ kind: { case: 'int64Value' as const, value: BigInt(value) } });

async function materialize(asOf: number, featureViews = views) {
  const { materialization } = await rig.store.materialize({ parent: W, featureViews, asOf: time(asOf) });
  for await (const { materialization: seen } of rig.store.watchMaterialization({ name: materialization!.name }))
    if (seen!.execution!.state >= JobState.SUCCEEDED) {
      expect(seen!.execution).toMatchObject({ state: JobState.SUCCEEDED });
      return seen!;
    }
  throw new Error('the watch ended early');
}

async function trainingRows(from: string, until: string) {
  const { trainingSet } = await rig.store.createTrainingSet({
    parent: W,
    spec: {
      featureService: `${W}/featureServices/flight-delays`,
      labelDataset: dataset('flights'),
      label: 'delay >= 15',
      startTime: time(micros(from)),
      endTime: time(micros(until)),
    },
  });
  for await (const { trainingSet: seen } of rig.store.watchTrainingSet({ name: trainingSet!.name })) {
    if (seen!.execution!.state < JobState.SUCCEEDED) continue;
    const { blobs, tables } = rig.test.platform;
    const manifest = await loadManifest(blobs, seen!.table!.manifest!.digest as `sha256:${string}`);
    return await tables.withConnection((c) => c.rows<Record<string, unknown>>('FROM s ORDER BY event_time'), {
      inputs: { s: manifest },
    });
  }
  throw new Error('the watch ended early');
}

test('offline equals online at 2,000 seeded moments, to the bit, over daily refreshes with a gap', async () => {
  const rows = await trainingRows('2001-01-09 00:00:00', '2001-01-25 00:00:00');
  const rng = createRng(7);
  const dayOf = (row: Record<string, unknown>) => Math.floor(((row.event_time as Date).getTime() * 1000) / DAY);
  const skipped = new Set([3, 4, 9].map((n) => dayOf(rows[0]!) + n));
  const candidates = rows.filter((row) => !skipped.has(dayOf(row)));
  const picked = Array.from({ length: 2000 }, () => candidates[rng.nextInt(candidates.length)]!);
  const byDay = Map.groupBy(picked, dayOf);
  let compared = 0;
  for (const day of [...byDay.keys()].sort((a, b) => a - b)) {
    await materialize(day * DAY + DAY / 2);
    const asked = byDay.get(day)!;
    const answer = await rig.store.getOnlineFeatures({
      featureService: `${W}/featureServices/flight-delays`,
      columns: {
        date: { values: asked.map((row) => int((row.event_time as Date).getTime() * 1000)) },
        distance: { values: asked.map((row) => int(row.distance as number)) },
        origin: { values: asked.map((row) => text(row.origin as string)) },
        destination: { values: asked.map((row) => text(row.destination as string)) },
      },
    });
    for (const [c, name] of answer.featureNames.entries()) {
      const vector = answer.results[c]!;
      const online = vector.values.map(({ kind }) =>
        kind.case === 'int64Value' ? Number(kind.value) : (kind.value ?? null),
      );
      expect({ name, day, values: online }).toEqual({ name, day, values: asked.map((row) => row[name]) });
      expect(vector.statuses).not.toContain(FeatureStatus.OUTSIDE_MAX_AGE);
      compared += online.length;
    }
  }
  expect(compared).toBe(2000 * 16);
});

test('entities that left all windows are emptied, and the view says where it stands', async () => {
  const database = rig.test.platform.database('feature-store');
  const done = await materialize(micros('2001-06-01 00:00:00'));
  expect(Number(done.writtenRows)).toBeGreaterThan(0);
  const [left] = await database.query<{ n: number }>(
    `select count(*)::int as n from online_values where feature_values not in ('[null,null,null,null]', '[null,null,0]')`,
  );
  expect(left!.n).toBe(0);
  const { featureView } = await rig.store.getFeatureView({ name: views[0]! });
  expect(featureView!.materializedTime).toMatchObject(time(micros('2001-06-01 00:00:00')));
  const older = await materialize(micros('2001-05-01 00:00:00'));
  expect(Number(older.writtenRows)).toBe(0);
});

test('ages and unknown entities', async () => {
  await materialize(micros('2001-07-01 00:00:00'));
  const ask = (at: string, origin: string) =>
    rig.store.getOnlineFeatures({
      featureService: `${W}/featureServices/flight-delays`,
      columns: {
        date: { values: [int(micros(at))] },
        distance: { values: [int(100)] },
        origin: { values: [text(origin)] },
        destination: { values: [text('LAX')] },
      },
    });
  const statusOf = async (at: string, origin: string, name: string) => {
    const answer = await ask(at, origin);
    return answer.results[answer.featureNames.indexOf(name)]!.statuses[0];
  };
  expect(await statusOf('2001-07-01 13:00:00', 'LAX', 'origin__late_rate_1d')).toBe(FeatureStatus.NULL_VALUE);
  expect(await statusOf('2001-07-02 00:00:00', 'LAX', 'origin__late_rate_1d')).toBe(FeatureStatus.OUTSIDE_MAX_AGE);
  expect(await statusOf('2001-06-30 23:59:59', 'LAX', 'origin__late_rate_1d')).toBe(FeatureStatus.OUTSIDE_MAX_AGE);
  expect(await statusOf('2001-07-01 13:00:00', 'ZZZ', 'origin__late_rate_1d')).toBe(FeatureStatus.NOT_FOUND);
  expect(await statusOf('2001-07-01 13:00:00', 'LAX', 'distance')).toBe(FeatureStatus.PRESENT);
});

test('bad requests are told all at once', async () => {
  await expect(
    rig.store.getOnlineFeatures({
      featureService: `${W}/featureServices/flight-delays`,
      columns: { distance: { values: [text('far')] }, origin: { values: [text('LAX')] }, nonsense: { values: [] } },
    }),
  ).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    violations: expect.arrayContaining([
      expect.objectContaining({ field: 'columns.date', reason: 'REQUEST_COLUMN_MISSING' }),
      expect.objectContaining({ field: 'columns.distance.values[0]', reason: 'REQUEST_COLUMN_TYPE' }),
      expect.objectContaining({ field: 'columns.destination', reason: 'REQUEST_COLUMN_MISSING' }),
      expect.objectContaining({ field: 'columns.nonsense', reason: 'REQUEST_COLUMN_UNKNOWN' }),
    ]),
  });
});

/** The cases of https://github.com/feast-dev/feast's online stores, which on PostgreSQL serve the older value in three of four. */
test('an older event, or an older correction, never replaces a newer one', async () => {
  await rig.store.applyFeatureViews({
    parent: W,
    featureServices: [
      {
        name: `${W}/featureServices/pushed`,
        eventTimeColumn: 'at',
        requestColumns: [
          { name: 'at', type: DataType.TIMESTAMP },
          { name: 'origin', type: DataType.STRING },
        ],
        views: [{ featureView: views[0]!, features: ['mean_delay_1d'] }],
      },
    ],
  });
  const now = micros('2001-08-01 12:00:00');
  const [old, recent] = [now - 30 * 60e6, now - 60e6];
  const row = (who: string, at: number, value: number, created = at) => ({
    keys: { origin: text(who) },
    features: { mean_delay_1d: { kind: { case: 'doubleValue' as const, value } } },
    eventTime: time(at),
    availableTime: time(created),
  });
  const push = async (...rows: ReturnType<typeof row>[]) => {
    const { writtenRows, staleRows } = await rig.store.pushFeatures({ featureView: views[0]!, rows });
    return [Number(writtenRows), Number(staleRows)];
  };
  expect(await push(row('older_event_written_later', recent, 2))).toEqual([1, 0]);
  expect(await push(row('older_event_written_later', old, 1))).toEqual([0, 1]);
  expect(
    await push(row('older_event_later_in_one_batch', recent, 2), row('older_event_later_in_one_batch', old, 1)),
  ).toEqual([1, 1]);
  expect(await push(row('equal_event_older_created', recent, 2, recent + 50e6))).toEqual([1, 0]);
  expect(await push(row('equal_event_older_created', recent, 1, recent + 10e6))).toEqual([0, 1]);
  expect(await push(row('equal_event_newer_created', recent, 1, recent + 10e6))).toEqual([1, 0]);
  expect(await push(row('equal_event_newer_created', recent, 2, recent + 50e6))).toEqual([1, 0]);
  const who = [
    'older_event_written_later',
    'older_event_later_in_one_batch',
    'equal_event_older_created',
    'equal_event_newer_created',
  ];
  const answer = await rig.store.getOnlineFeatures({
    featureService: `${W}/featureServices/pushed`,
    columns: { origin: { values: who.map(text) } },
  });
  expect(answer.results[0]!.values.map(({ kind }) => kind.value)).toEqual([2, 2, 2, 2]);
  expect(answer.results[0]!.statuses).toEqual(new Array(4).fill(FeatureStatus.PRESENT));
  await expect(
    rig.store.pushFeatures({
      featureView: views[0]!,
      rows: [{ keys: { airport: text('LAX') }, features: { speed: int(3) } }],
    }),
  ).rejects.toMatchObject({
    violations: expect.arrayContaining([
      expect.objectContaining({ field: 'rows[0].keys.origin' }),
      expect.objectContaining({ field: 'rows[0].keys.airport' }),
      expect.objectContaining({ field: 'rows[0].features.speed' }),
      expect.objectContaining({ field: 'rows[0].event_time' }),
    ]),
  });
});
