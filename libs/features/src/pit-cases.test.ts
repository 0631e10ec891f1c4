import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { materializeSql } from './materialize.ts';
import { pointInTimeSql } from './point-in-time.ts';
import { openTestDuckDb, type TestDuckDb } from './testing.ts';
import type { ColumnSchema } from './types.ts';
import { compileFeatureView } from './view.ts';

interface Case {
  readonly name: string;
  readonly ttl_seconds: number | null;
  readonly labels: readonly {
    k1: string | null;
    k2: string | null;
    ts: number;
    row: number;
    bitemporal: (number | null)[];
  }[];
  readonly features: readonly {
    k1: string | null;
    k2: string | null;
    event_ts: number;
    created_ts: number;
    value: number;
  }[];
}

// Cases and answers of the brute-force oracle in the research folder (pit_cases.py): 275 labels.
const { groups } = JSON.parse(readFileSync(new URL('../fixtures/pit_cases.json', import.meta.url), 'utf8')) as {
  groups: Case[];
};

const schema: ColumnSchema[] = [
  { name: 'k1', type: 'string' },
  { name: 'k2', type: 'string' },
  { name: 'happened', type: 'timestamp' },
  { name: 'created', type: 'timestamp' },
  { name: 'value', type: 'int64' },
];

let db: TestDuckDb;
beforeAll(async () => {
  db = await openTestDuckDb();
});
afterAll(() => db.close());

const text = (x: string | null) => (x === null ? 'NULL' : `'${x}'`);
const time = (seconds: number) => `make_timestamp(${seconds}000000)`;

async function load(group: Case) {
  const labels = group.labels.map((l) => `(${l.row}, ${text(l.k1)}, ${text(l.k2)}, ${time(l.ts)})`);
  const features = group.features.map(
    (f) => `(${text(f.k1)}, ${text(f.k2)}, ${time(f.event_ts)}, ${time(f.created_ts)}, ${f.value})`,
  );
  await db.run(`CREATE OR REPLACE TABLE labels AS FROM (VALUES ${labels}) AS t("row", k1, k2, ts)`);
  await db.run(`CREATE OR REPLACE TABLE source AS FROM (VALUES ${features}) AS t(k1, k2, happened, created, value)`);
  return (refresh?: string) =>
    compileFeatureView(
      {
        name: 'cases',
        source: 'source',
        entityKeys: ['k1', 'k2'],
        eventTime: 'happened',
        availableTime: 'created',
        ...(refresh ? { refresh } : {}),
        ...(group.ttl_seconds === null ? {} : { ttl: `${group.ttl_seconds}s` }),
        features: [{ name: 'x', expression: 'value', type: 'int64' }],
      },
      { schema, serializeSql: db.serializeSql },
    );
}

// All times are whole seconds, so boundaries at every second answer the same as no boundaries.
test.each(groups.flatMap((g) => [undefined, '1s'].map((refresh) => [g.name, refresh, g] as const)))(
  '%s, refresh %s: 0 wrong',
  async (_name, refresh, group) => {
    const view = await (await load(group))(refresh);
    const sql = pointInTimeSql({
      labels: { relation: 'labels', time: 'ts', passthrough: ['row'] },
      views: [{ view, relation: 'source' }],
    });
    const rows = await db.rows(sql);
    expect(rows.map(([row]) => Number(row))).toEqual(group.labels.map((l) => l.row));
    const wrong = rows.filter(([, x], i) => !group.labels[i]!.bitemporal.includes(x === null ? null : Number(x)));
    expect(wrong).toEqual([]);
  },
);

test('the cases are the 275', () => {
  expect(groups.reduce((n, g) => n + g.labels.length, 0)).toBe(275);
});

test.each(groups.map((g) => [g.name, g] as const))(
  '%s: materialized at the label time, the same',
  async (_name, group) => {
    const view = await (await load(group))();
    for (const label of group.labels.slice(0, 12)) {
      const at = BigInt(label.ts) * 1_000_000n;
      const rows = await db.rows(materializeSql({ view, relation: 'source', from: at, to: at }));
      const mine = rows.filter(([k1, k2]) => k1 !== null && k1 === label.k1 && k2 === label.k2);
      expect(mine.length).toBeLessThanOrEqual(1);
      const x = mine[0]?.[4] ?? null;
      expect(label.bitemporal).toContain(x === null ? null : Number(x));
    }
  },
);
