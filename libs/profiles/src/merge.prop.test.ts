import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type ColumnSchema,
  createProfiler,
  emptyProfile,
  mergeProfiles,
  profileFromJson,
  profileToJson,
  sketchQuantile,
  type TableProfile,
} from './index.ts';
import { mergeTopValues, TopValuesCounter } from './top-values.ts';

const schema: readonly ColumnSchema[] = [
  { name: 'x', type: 'number' },
  { name: 't', type: 'timestamp' },
  { name: 's', type: 'string' },
];
const row = fc.record({
  x: fc.option(fc.oneof(fc.double(), fc.integer({ min: -9, max: 9 }))),
  t: fc.option(fc.integer({ min: -2e12, max: 6e12 })),
  s: fc.option(fc.string()),
});
const rows = fc.array(row, { maxLength: 40 });
const profileOf = (...parts: { x: number | null; t: number | null; s: string | null }[][]): TableProfile => {
  const profiler = createProfiler(schema);
  for (const part of parts) for (const r of part) profiler.add(r);
  return profiler.finish();
};
const integers = (p: TableProfile) => ({
  ...p,
  columns: p.columns.map((c) => ('moments' in c ? { ...c, moments: c.moments.n } : c)),
});

test('merging parts equals profiling the whole, for everything integer', () => {
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      expect(integers(mergeProfiles(profileOf(a), profileOf(b)))).toEqual(integers(profileOf(a, b)));
    }),
  );
});

test('merging is commutative to the bit, has an identity, and is associative up to rounding of moments', () => {
  fc.assert(
    fc.property(rows, rows, rows, (a, b, c) => {
      const [p, q, r] = [profileOf(a), profileOf(b), profileOf(c)];
      expect(profileToJson(mergeProfiles(p, q))).toBe(profileToJson(mergeProfiles(q, p)));
      expect(mergeProfiles(p, emptyProfile(schema))).toEqual(p);
      expect(mergeProfiles(emptyProfile(schema), p)).toEqual(p);
      const left = mergeProfiles(mergeProfiles(p, q), r);
      const right = mergeProfiles(p, mergeProfiles(q, r));
      expect(integers(left)).toEqual(integers(right));
    }),
  );
});

test('JSON round trip is exact', () => {
  fc.assert(
    fc.property(rows, (a) => {
      const profile = profileOf(a);
      expect(profileFromJson(profileToJson(profile))).toEqual(profile);
    }),
  );
  expect(() => profileFromJson('{"version":9}')).toThrow(expect.objectContaining({ reason: 'BAD_PROFILE' }));
});

test('quantiles are within one per cent of the value of their rank', () => {
  const value = fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: -100, max: 100 }));
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (xs, q) => {
        const profiler = createProfiler([{ name: 'x', type: 'number' }]);
        profiler.addColumn('x', Float64Array.from(xs));
        const column = profiler.finish().columns[0]!;
        if (column.kind !== 'numeric') throw new Error('not numeric');
        const truth = Float64Array.from(xs).sort()[Math.floor(q * (xs.length - 1))]!;
        // Twelve decades below 1 count as zero; 17 decades below the largest magnitude collapse.
        const slack = 0.01 * Math.abs(truth) * (1 + 1e-9) + 1e-10;
        expect(Math.abs(sketchQuantile(column.quantiles, q)! - truth)).toBeLessThanOrEqual(slack);
      },
    ),
  );
});

test('a full table of top values keeps its bounds, alone and merged', () => {
  const letters = fc.array(
    fc.integer({ min: 0, max: 60 }).map((n) => `v${Math.floor(n * n * 0.02)}`),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(letters, letters, (a, b) => {
      const summary = (values: string[]) => {
        const counter = new TopValuesCounter(4);
        for (const value of values) counter.add(value);
        return counter.finish();
      };
      const merged = mergeTopValues(summary(a), summary(b));
      const truth = new Map<string, number>();
      for (const value of [...a, ...b]) truth.set(value, (truth.get(value) ?? 0) + 1);
      for (const { value, count, error } of merged.entries) {
        expect(truth.get(value)).toBeLessThanOrEqual(count);
        expect(truth.get(value)).toBeGreaterThanOrEqual(count - error);
        truth.delete(value);
      }
      for (const count of truth.values()) expect(count).toBeLessThanOrEqual(merged.untrackedMax);
    }),
  );
});
