import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import {
  type ColumnProfile,
  type ColumnType,
  compareProfiles,
  createProfiler,
  histogram,
  ksFromProfiles,
  type OrderedProfile,
  quantileBins,
  type TableProfile,
  wassersteinFromProfiles,
} from './index.ts';

type Value = number | string | null;
interface Pair {
  readonly name: string;
  readonly kind: 'num' | 'cat';
  readonly reference: readonly Value[];
  readonly current: readonly Value[];
  readonly expected: Record<string, number>;
  readonly evidently: Record<string, number>;
}
const text = readFileSync(new URL('../fixtures/drift_reference.json', import.meta.url), 'utf8');
const pairs = (JSON.parse(text) as { pairs: Pair[] }).pairs;

const profileOf = (values: readonly unknown[], type: ColumnType): TableProfile => {
  const profiler = createProfiler([{ name: 'x', type }]);
  profiler.addColumn('x', values);
  return profiler.finish();
};
const ordered = (column: ColumnProfile | undefined): OrderedProfile => {
  if (column === undefined || column.kind === 'categorical') throw new Error('not ordered');
  return column;
};

test.each(pairs.filter((p) => p.kind === 'num'))(
  'sketch distances of $name are within their bounds of scipy',
  (pair) => {
    const a = ordered(profileOf(pair.reference, 'number').columns[0]);
    const b = ordered(profileOf(pair.current, 'number').columns[0]);
    const w = wassersteinFromProfiles(a, b);
    expect(Math.abs(w.value - pair.expected.wasserstein!)).toBeLessThanOrEqual(w.errorBound);
    const magnitude = (v: readonly Value[]) =>
      v.reduce<number>((s, x) => s + Math.abs(Number(x ?? 0)), 0) / v.filter((x) => x !== null).length;
    expect(w.errorBound).toBeLessThanOrEqual(0.0205 * (magnitude(pair.reference) + magnitude(pair.current)));
    const ks = ksFromProfiles(a, b);
    expect(pair.expected.ks).toBeGreaterThanOrEqual(ks.value - 1e-12);
    expect(pair.expected.ks).toBeLessThanOrEqual(ks.value + ks.errorBound + 1e-12);
    for (const bin of quantileBins(a, b)) {
      const count = (values: readonly Value[]) =>
        values.filter(
          (x) => x !== null && Number(x) > (bin.lower ?? -Infinity) && Number(x) <= (bin.upper ?? Infinity),
        );
      expect(count(pair.reference)).toHaveLength(bin.referenceCount);
      expect(count(pair.current)).toHaveLength(bin.currentCount);
    }
  },
);

test.each(pairs.filter((p) => p.kind === 'cat'))('categorical distances of $name are exact', (pair) => {
  const { columns } = compareProfiles(profileOf(pair.reference, 'string'), profileOf(pair.current, 'string'));
  const { metrics, method, score } = columns[0]!;
  expect(metrics!.psi).toBeCloseTo(pair.expected.psi!, 9);
  expect(metrics!.jensenShannonDistance).toBeCloseTo(pair.expected.js_distance_ln!, 9);
  expect(metrics!.hellinger).toBeCloseTo(pair.expected.hellinger!, 9);
  expect(metrics!.totalVariation).toBeCloseTo(pair.expected.tvd!, 9);
  expect(method).toBe('chi_square');
  expect(score).toBeCloseTo(pair.evidently.chisquare!, 9);
});

test('large numeric columns are judged by the normalised Wasserstein distance, small ones by KS', () => {
  const uniform = (n: number, shift: number) => Array.from({ length: n }, (_, i) => i / n + shift);
  const judge = (n: number, shift: number) =>
    compareProfiles(profileOf(uniform(n, 10), 'number'), profileOf(uniform(n, 10 + shift), 'number')).columns[0]!;
  expect(judge(2000, 0.5)).toMatchObject({ method: 'wasserstein_normalised', drifted: true, status: 'judged' });
  expect(judge(2000, 0)).toMatchObject({ drifted: false, score: 0 });
  expect(judge(500, 0.5)).toMatchObject({ method: 'ks_p_value', drifted: true });
  expect(judge(20, 0.5)).toMatchObject({ status: 'too_few_rows', drifted: false, score: null });
});

test('missing values drift on their own', () => {
  const values = Array.from({ length: 400 }, (_, i) => i % 50);
  const holes = values.map((v, i) => (i % 2 === 0 ? null : v));
  const report = compareProfiles(profileOf(values, 'integer'), profileOf(holes, 'integer')).columns[0]!;
  expect(report.missing).toMatchObject({ reference: 0, current: 0.5, difference: 0.5, drifted: true });
  const empty = compareProfiles(
    profileOf(values, 'integer'),
    profileOf(
      values.map(() => null),
      'integer',
    ),
  );
  expect(empty.columns[0]).toMatchObject({ status: 'too_few_rows', metrics: null, missing: { drifted: true } });
});

test('constant columns give numbers, and drift only when the constant changes', () => {
  const constant = (value: unknown, n: number) => new Array<unknown>(n).fill(value);
  for (const n of [100, 5000]) {
    for (const [type, a, b] of [
      ['number', 7, 8],
      ['string', 'a', 'b'],
      ['boolean', true, false],
    ] as const) {
      const same = compareProfiles(profileOf(constant(a, n), type), profileOf(constant(a, n), type));
      const moved = compareProfiles(profileOf(constant(a, n), type), profileOf(constant(b, n), type));
      expect(same.columns[0]).toMatchObject({ status: 'judged', drifted: false });
      expect(moved).toMatchObject({ drifted: true, driftShare: 1 });
      expect(JSON.stringify(same)).not.toContain('null,"threshold"');
    }
  }
});

test('changed shapes are facts, not errors; histograms count every value', () => {
  const numbers = profileOf([1, 2, 3, 4], 'integer');
  expect(compareProfiles(numbers, profileOf(['a'], 'string')).columns[0]).toMatchObject({ status: 'type_changed' });
  expect(compareProfiles(numbers, { ...numbers, columns: [] }).columns[0]).toMatchObject({ status: 'missing_column' });
  expect(histogram(numbers.columns[0]!, 2).map((bin) => bin.count)).toEqual([2, 2]);
  expect(histogram(profileOf(['a', 'b', 'b', 'c'], 'string').columns[0]!, 1)).toMatchObject([
    { label: 'b', count: 2 },
    { label: 'other', count: 2 },
  ]);
});
