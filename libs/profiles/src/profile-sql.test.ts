import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type ColumnProfile,
  type ColumnSchema,
  createProfiler,
  estimateDistinct,
  hllStandardError,
  isComplete,
  type Moments,
  profileSql,
  sketchQuantile,
  type TableProfile,
} from './index.ts';

let instance: DuckDBInstance;
let query: (sql: string) => Promise<string>;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '400MiB' });
  const connection = await instance.connect();
  query = async (sql) => String((await connection.runAndReadAll(sql)).getRows()[0]?.[0]);
});

afterAll(() => instance.closeSync());

const schema: readonly ColumnSchema[] = [
  { name: 'whole', type: 'integer' },
  { name: 'real "x"', type: 'number' },
  { name: 'text', type: 'string' },
  { name: 'flag', type: 'boolean' },
  { name: 'time', type: 'timestamp' },
];

type Row = Record<string, number | string | boolean | null>;

const row = fc.record({
  whole: fc.option(fc.oneof(fc.integer({ min: -50, max: 50 }), fc.maxSafeInteger())),
  'real "x"': fc.option(fc.oneof(fc.double(), fc.constantFrom(0, -0, 1e-13, 1e-300, -1e200, 0.5))),
  // DuckDB texts cannot hold a NUL, and lone surrogates have no UTF-8 form.
  text: fc.option(fc.string({ unit: 'binary' }).map((s) => s.replaceAll('\0', ''))),
  flag: fc.option(fc.boolean()),
  time: fc.option(fc.integer({ min: -4e12, max: 8e12 })),
});

test('SQL and the in-process profiler give the same profile', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 60 }), async (rows) => {
      const { sql, decode } = profileSql(schema, { from: relation(rows) });
      const fromSql = decode(await query(sql));
      const profiler = createProfiler(schema);
      for (const r of rows) profiler.add(r);
      expectSame(fromSql, profiler.finish());
    }),
    { numRuns: 40 },
  );
});

test('texts beyond the capacity keep their bounds; a full list of them is exact', async () => {
  // Value v occurs v times, 1 … 1000: 500,500 rows.
  const from = `(SELECT 'v' || v AS text FROM range(1, 1001) t(v), range(1, 1001) u(k) WHERE k <= v)`;
  const text = [{ name: 'text', type: 'string' }] as const;
  const full = profileSql(text, { from });
  const exact = top(full.decode(await query(full.sql)).columns[0]);
  expect(isComplete(exact)).toBe(true);
  expect(exact.entries).toHaveLength(1000);
  for (const { value, count } of exact.entries) expect(`v${count}`).toBe(value);
  const cut = profileSql(text, { from, topValuesMax: 50 });
  const cutTop = top(cut.decode(await query(cut.sql)).columns[0]);
  expect(isComplete(cutTop)).toBe(false);
  const outside = cutTop.entries.filter(({ value, count, error }) => {
    const truth = Number(value.slice(1));
    return truth > count || truth < count - error;
  });
  expect(outside.length).toBeLessThanOrEqual(cutTop.entries.length * 0.05);
});

test('profiles three million flights in one scan', async () => {
  const path = new URL('../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url).pathname;
  const from = `read_parquet('${path}')`;
  const flights: ColumnSchema[] = [
    { name: 'date', type: 'timestamp' },
    { name: 'delay', type: 'integer' },
    { name: 'distance', type: 'integer' },
    { name: 'origin', type: 'string' },
    { name: 'destination', type: 'string' },
  ];
  const { sql, decode } = profileSql(flights, { from });
  expect(sql.match(/read_parquet/g)).toHaveLength(1);
  const profile = decode(await query(sql));
  expect(profile.rows).toBe(3_000_000);
  const truth = JSON.parse(
    await query(
      `SELECT to_json({d: count(DISTINCT date), o: (SELECT list({value: origin, count: n} ORDER BY n DESC, origin) FROM (SELECT origin,
       count(*) n FROM ${from} GROUP BY 1)), p: quantile_disc(delay, [0.01, 0.1, 0.5, 0.9, 0.999])}) FROM ${from}`,
    ),
  ) as { d: number; o: { value: string; count: number }[]; p: number[] };
  const [date, delay, , origin] = profile.columns;
  expect(Math.abs(estimateDistinct(date!.distinct) / truth.d - 1)).toBeLessThan(3 * hllStandardError);
  expect(top(origin).entries.map(({ value, count }) => ({ value, count }))).toEqual(truth.o);
  [0.01, 0.1, 0.5, 0.9, 0.999].forEach((q, i) => {
    const estimate = delay!.kind === 'numeric' ? sketchQuantile(delay!.quantiles, q)! : Number.NaN;
    expect(Math.abs(estimate - truth.p[i]!)).toBeLessThanOrEqual(0.01 * Math.abs(truth.p[i]!) + 1e-9);
  });
});

function top(column: ColumnProfile | undefined) {
  if (column?.kind !== 'categorical') throw new Error('no categorical column');
  return column.top;
}

/** Below this, doubles have few bits left and a relative bound rounds to 0. */
const SMALLEST = 2 ** -1022;

/** Equal in every integer and text; means and sums of squares up to rounding. */
function expectSame(actual: TableProfile, expected: TableProfile): void {
  expect(withoutMoments(actual)).toEqual(withoutMoments(expected));
  actual.columns.forEach((column, i) => {
    const other = expected.columns[i]!;
    if (column.kind === 'categorical' || other.kind === 'categorical') return;
    const [a, b]: Moments[] = [column.moments, other.moments] as [Moments, Moments];
    const scale = Math.max(Math.abs(column.min ?? 0), Math.abs(column.max ?? 0));
    const magnitude = Math.min(scale, 1e150);
    expect(Math.abs(a!.mean - b!.mean)).toBeLessThanOrEqual(1e-12 * magnitude + SMALLEST);
    expect(Math.abs(a!.m2 - b!.m2)).toBeLessThanOrEqual(1e-10 * magnitude * magnitude * a!.n + SMALLEST);
    expect(a!.n).toBe(b!.n);
  });
}

function withoutMoments(profile: TableProfile): unknown {
  return { ...profile, columns: profile.columns.map((c) => ('moments' in c ? { ...c, moments: c.moments.n } : c)) };
}

/** A relation of these rows; doubles go as text of full precision. */
function relation(rows: readonly Row[]): string {
  const cell = (value: Row[string]) => (value === null ? 'NULL' : `'${String(value).replaceAll("'", "''")}'`);
  const real = (value: Row[string]) => cell(Object.is(value, -0) ? '-0.0' : value!);
  const lines = rows.map((r) => {
    const time = r.time === null ? 'NULL' : `epoch_ms(${r.time}::BIGINT)`;
    const x = r['real "x"'] === null ? 'NULL' : real(r['real "x"']!);
    return `(${cell(r.whole!)}::BIGINT, ${x}::DOUBLE, ${cell(r.text!)}::VARCHAR, ${cell(r.flag!)}::BOOLEAN, ${time})`;
  });
  const values = lines.length > 0 ? lines : ["('0'::BIGINT, '0'::DOUBLE, ''::VARCHAR, 'true'::BOOLEAN, epoch_ms(0))"];
  const where = lines.length > 0 ? '' : ' WHERE false';
  return `(SELECT * FROM (VALUES ${values.join(', ')}) v(whole, "real ""x""", text, flag, time)${where})`;
}
