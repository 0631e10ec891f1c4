import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createRng, type Rng } from '@millrace/kernel';
import { materializeSql } from './materialize.ts';
import { lastKnown, type Question, type SourceRow, windowOf } from './oracle.ts';
import { pointInTimeSql } from './point-in-time.ts';
import { openTestDuckDb, type TestDuckDb } from './testing.ts';
import {
  type CompiledFeatureView,
  compileFeatureView,
  emptyFeatureValues,
  type FeatureViewDefinition,
} from './view.ts';

let db: TestDuckDb;
beforeAll(async () => {
  db = await openTestDuckDb();
});
afterAll(() => db.close());

const MINUTE = 60_000_000n;
const schema = [
  { name: 'k1', type: 'string' },
  { name: 'k2', type: 'int64' },
  { name: 'id', type: 'int64' },
  { name: 'e', type: 'timestamp' },
  { name: 'a', type: 'timestamp' },
  { name: 'x', type: 'int64' },
  { name: 'f', type: 'float64' },
  { name: 's', type: 'string' },
] as const;

interface Shape {
  readonly refreshMinutes: number | undefined;
  readonly offsetMinutes: number;
  readonly windows: readonly number[];
  readonly byId: boolean;
  readonly ttlMinutes: number | null;
}

const aggregates = {
  rows: ['count', undefined, 'int64'],
  count: ['count', 'x', 'int64'],
  sumX: ['sum', 'x', 'int64'],
  meanX: ['mean', 'x', 'float64'],
  stddevX: ['stddev', 'x', 'float64'],
  sumF: ['sum', 'f', 'float64'],
  meanF: ['mean', 'f', 'float64'],
  stddevF: ['stddev', 'f', 'float64'],
  minF: ['min', 'f', 'float64'],
  maxX: ['max', 'x', 'int64'],
  lastS: ['last', 's', 'string'],
} as const;
type AggregateName = keyof typeof aggregates;

function define(shape: Shape): FeatureViewDefinition {
  return {
    name: 'random',
    source: 'source',
    entityKeys: ['k1', 'k2'],
    eventTime: 'e',
    availableTime: 'a',
    ...(shape.refreshMinutes === undefined
      ? {}
      : { refresh: `${shape.refreshMinutes}m`, refreshOffset: `${shape.offsetMinutes}m` }),
    ...(shape.byId ? { rowKey: ['id'] } : {}),
    ...(shape.ttlMinutes === null ? {} : { ttl: `${shape.ttlMinutes}m` }),
    features: [
      { name: 'known', expression: 'x', type: 'int64' },
      ...shape.windows.flatMap((w) =>
        Object.entries(aggregates).map(([name, [fn, over, type]]) => ({
          name: `${name}_${w}`,
          type,
          aggregate: { function: fn, window: `${w}m`, ...(over === undefined ? {} : { over }) },
        })),
      ),
    ],
  };
}

function pick<T>(rng: Rng, values: readonly T[]): T {
  return values[rng.nextInt(values.length)]!;
}

function makeRows(rng: Rng, count: number): SourceRow[] {
  const seen = new Set<string>();
  return Array.from({ length: count }, () => {
    const e = rng.nextInt(12) === 0 ? null : rng.nextInt(60) * 5 - 100;
    const a = rng.nextInt(12) === 0 ? null : (e ?? 0) + pick(rng, [0, 0, 3, 7, 30, 90, -10]);
    let id = rng.nextInt(4) === 0 ? null : rng.nextInt(count);
    // Two versions of one row that are equal in both times have no order in the definition.
    if (seen.has(`${id} ${e} ${a}`)) id = null;
    seen.add(`${id} ${e} ${a}`);
    return {
      k1: pick(rng, ['a', 'b', 'a', null]),
      k2: pick(rng, [1, 2, 1, null]),
      id,
      e,
      a,
      x: rng.nextInt(6) === 0 ? null : rng.nextInt(2001) - 1000,
      f: rng.nextInt(6) === 0 ? null : (rng.next() - 0.5) * 10 ** (rng.nextInt(8) - 2),
      s: rng.nextInt(6) === 0 ? null : `s${rng.nextInt(1000)}`,
    };
  });
}

const time = (minutes: number | null) =>
  minutes === null ? 'NULL::TIMESTAMP' : `make_timestamp(${BigInt(minutes) * MINUTE})`;
const text = (x: string | null) => (x === null ? 'NULL::VARCHAR' : `'${x}'`);
const number = (x: number | null, type: string) => (x === null ? `NULL::${type}` : `${x}::${type}`);

async function load(rows: readonly SourceRow[], labels: readonly (Question & { n: number })[]) {
  const sourceSql = rows.map(
    (r) =>
      `(${text(r.k1)}, ${number(r.k2, 'BIGINT')}, ${number(r.id, 'BIGINT')}, ${time(r.e)}, ${time(r.a)}, ${number(r.x, 'BIGINT')}, ${number(r.f, 'DOUBLE')}, ${text(r.s)})`,
  );
  await db.run(`CREATE OR REPLACE TABLE source AS FROM (VALUES ${sourceSql}) AS t(k1, k2, id, e, a, x, f, s)`);
  const labelSql = labels.map((l) => `(${l.n}, ${text(l.k1)}, ${number(l.k2, 'BIGINT')}, ${time(l.at)})`);
  await db.run(`CREATE OR REPLACE TABLE labels AS FROM (VALUES ${labelSql}) AS t(n, k1, k2, t)`);
}

function boundary(shape: Shape, at: number): number {
  const c = shape.refreshMinutes;
  return c === undefined ? at : Math.floor((at - shape.offsetMinutes) / c) * c + shape.offsetMinutes;
}

function expectEqual(actual: unknown, expected: unknown, where: string, scale: number): void {
  const value = typeof actual === 'bigint' ? Number(actual) : actual;
  if (typeof value === 'number' && typeof expected === 'number' && !Number.isInteger(expected)) {
    expect({ where, close: Math.abs(value - expected) <= 1e-9 * Math.max(scale, Math.abs(expected)) }).toEqual({
      where,
      close: true,
    });
  } else expect({ where, value }).toEqual({ where, value: expected });
}

const shapes: Shape[] = [
  { refreshMinutes: 10, offsetMinutes: 0, windows: [10, 30, 120], byId: false, ttlMinutes: null },
  { refreshMinutes: 15, offsetMinutes: 7, windows: [15, 60], byId: true, ttlMinutes: 45 },
  { refreshMinutes: 60, offsetMinutes: 0, windows: [60, 180], byId: true, ttlMinutes: 0 },
  { refreshMinutes: undefined, offsetMinutes: 0, windows: [10, 45], byId: false, ttlMinutes: 30 },
];

async function prepare(
  shape: Shape,
  seed: number,
): Promise<{ view: CompiledFeatureView; rows: SourceRow[]; labels: (Question & { n: number })[] }> {
  const rng = createRng(`views ${seed}`);
  const rows = makeRows(rng, 60 + rng.nextInt(100));
  const labels = Array.from({ length: 60 }, (_, n) => ({
    n,
    k1: pick(rng, ['a', 'b', 'zz', null]),
    k2: pick(rng, [1, 2, 1, null]),
    at: rng.nextInt(90) * 5 - 150 + pick(rng, [0, 0, 1]),
  }));
  await load(rows, labels);
  return { view: await compileFeatureView(define(shape), { schema, serializeSql: db.serializeSql }), rows, labels };
}

const pitSql = (view: CompiledFeatureView) =>
  pointInTimeSql({
    labels: { relation: 'labels', time: 't', passthrough: ['n'] },
    views: [{ view, relation: 'source' }],
  });

const runs = shapes.flatMap((shape, i) => [1, 2].map((seed) => [JSON.stringify(shape), seed + 10 * i, shape] as const));

test.each(runs)('point in time equals the brute-force oracle: %s, seed %d', async (_text, seed, shape) => {
  const { view, rows, labels } = await prepare(shape, seed);
  const answers = await db.rows(pitSql(view));
  expect(answers.map(([n]) => Number(n))).toEqual(labels.map((l) => l.n));
  for (const [i, label] of labels.entries()) {
    const q = { ...label, at: boundary(shape, label.at) };
    const [, known, ...values] = answers[i]!;
    expect(lastKnown(rows, q, shape.ttlMinutes)).toContain(known === null ? null : Number(known));
    for (const [w, minutes] of shape.windows.entries()) {
      const expected = windowOf(rows, q, minutes, shape.byId);
      for (const [j, name] of (Object.keys(aggregates) as AggregateName[]).entries())
        expectEqual(
          values[w * Object.keys(aggregates).length + j],
          expected[name],
          `label ${i} ${name}_${minutes}`,
          1e5,
        );
    }
  }
});

test.each(runs)(
  'the newest materialized row equals point in time, bit for bit: %s, seed %d',
  async (_text, seed, shape) => {
    const { view, labels } = await prepare(shape, seed);
    const answers = await db.rows(pitSql(view));
    const empty = Object.values(emptyFeatureValues(view));
    const materialize = async (from: number, to: number) =>
      (
        await db.rows(
          materializeSql({ view, relation: 'source', from: BigInt(from) * MINUTE, to: BigInt(to) * MINUTE }),
        )
      ).map((row) => ({
        k1: row[0],
        k2: row[1],
        at: Number((row[2] as { micros: bigint }).micros / MINUTE),
        values: row.slice(4),
      }));
    const all = shape.refreshMinutes === undefined ? undefined : await materialize(-1000, 1000);
    for (const [i, label] of labels.entries()) {
      if (!all && i >= 4) break;
      const rows = all ?? (await materialize(label.at, label.at));
      const mine = rows.filter(
        (r) => r.k1 === label.k1 && Number(r.k2) === label.k2 && label.k2 !== null && r.at <= label.at,
      );
      const newest = mine.reduce<(typeof rows)[number] | undefined>(
        (best, r) => (!best || r.at > best.at ? r : best),
        undefined,
      );
      expect({ i, values: newest?.values ?? empty }).toEqual({ i, values: answers[i]!.slice(1) });
    }
    if (!all) return;
    // A range materialized in pieces gives the same rows as in one go.
    const pieces = [...(await materialize(-1000, 50)), ...(await materialize(51, 1000))];
    expect(pieces).toEqual(all);
  },
);
