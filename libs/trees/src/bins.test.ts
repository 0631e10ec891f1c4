import { expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import fc from 'fast-check';
import { binOf, boundBetween, createBinScratch, placeBins, sampleRows } from './bins.ts';

const params = { maxBins: 255, minDataInBin: 3, binSampleRows: 200_000 };
const place = (values: Float32Array, changes: Partial<typeof params> = {}) =>
  placeBins(
    0,
    values,
    Uint32Array.from(values, (_, i) => i),
    values.some(Number.isNaN),
    { ...params, ...changes },
  );

test('a bound is a float32 that divides its neighbours, whatever they are', () => {
  const float = fc.float({ noNaN: true });
  fc.assert(
    fc.property(float, float, (x, y) => {
      fc.pre(x !== y);
      const [a, b] = x < y ? [x, y] : [y, x];
      const t = boundBetween(a, b);
      expect(Math.fround(t)).toBe(t);
      expect(a <= t && t < b).toBe(true);
    }),
  );
});

test('bins follow from float32 comparison with the bounds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float(), { minLength: 1, maxLength: 400 }),
      fc.integer({ min: 2, max: 255 }),
      (list, maxBins) => {
        const values = Float32Array.from(list);
        const bins = place(values, { maxBins, minDataInBin: 1 });
        if (bins === undefined) return;
        expect(bins.bins).toBeLessThanOrEqual(maxBins);
        for (const [i, t] of bins.bounds.entries()) if (i > 0) expect(t).toBeGreaterThan(bins.bounds[i - 1]!);
        for (const x of values) {
          const bin = binOf(x, bins);
          if (Number.isNaN(x)) expect(bin).toBe(bins.regular);
          else expect(bin).toBe(bins.bounds.filter((t) => !(x <= t)).length);
        }
      },
    ),
  );
});

test('few distinct values have a bin each, many share bins of about equal counts', () => {
  expect([...place(Float32Array.of(1, 1, 1, 2, 2, 2, 4, 4, 4))!.bounds]).toEqual([1.5, 3]);
  const rng = createRng(1);
  const bins = place(
    Float32Array.from({ length: 20_000 }, () => rng.next()),
    { maxBins: 50 },
  )!;
  expect(bins.regular).toBe(50);
  for (const [i, t] of bins.bounds.entries()) expect(Math.abs(t - (i + 1) / 50)).toBeLessThan(0.02);
});

test('a value as frequent as bins has one, with less than half a bin of others', () => {
  const rng = createRng(2);
  const bins = place(
    Float32Array.from({ length: 10_000 }, () => (rng.next() < 0.5 ? 0 : rng.next() - 0.5)),
    { maxBins: 20 },
  )!;
  const inZero = bins.bounds.findIndex((t) => t >= 0);
  expect(bins.bounds[inZero]!).toBeLessThan(0.001);
  expect(bins.bounds[inZero - 1]!).toBeGreaterThan(-0.05);
});

test('features without a split give no bins', () => {
  expect(place(new Float32Array(10).fill(3))).toBeUndefined();
  expect(place(new Float32Array(10).fill(Number.NaN))).toBeUndefined();
  expect(place(Float32Array.of(3, 3, 3, Number.NaN))!.bins).toBe(2);
});

test('a sample has the asked size, rises, and follows the seed', () => {
  const rows = sampleRows(10_000, undefined, 500, createRng(1));
  expect(rows.length).toBe(500);
  expect([...rows]).toEqual([...new Set(rows)].sort((a, b) => a - b));
  expect(rows).toEqual(sampleRows(10_000, undefined, 500, createRng(1)));
  expect([...sampleRows(3, Uint32Array.of(7, 5, 5), 500, createRng(1))]).toEqual([7, 5, 5]);
});

test('buffers used again for a feature with more missing values change nothing', () => {
  const rng = createRng(5);
  const column = Float32Array.from({ length: 5_000 }, () => (rng.next() < 0.4 ? Number.NaN : (rng.next() - 0.5) * 1e3));
  const rows = Uint32Array.from(column, (_, i) => i);
  const scratch = createBinScratch(5_000);
  placeBins(0, column.map(Number), rows, false, params, scratch);
  const bounds = placeBins(0, column, rows, true, params, scratch)!.bounds;
  expect(bounds).toEqual(place(column)!.bounds);
  expect(bounds).toEqual(bounds.toSorted());
});
