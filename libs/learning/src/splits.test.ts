import { expect, test } from '@jest/globals';
import { reference } from './reference.ts';
import type { Split } from './splits.ts';
import { kFold, splitByTime, stratifiedKFold, timeSeriesSplit } from './splits.ts';

const plain = (splits: readonly Split[]) => splits.map(({ train, test }) => ({ train: [...train], test: [...test] }));

test('contiguous folds and folds that walk forward are scikit-learn’s', () => {
  expect(plain(kFold(11, { folds: 4 }))).toEqual(reference.splits.kfold);
  const times = Float64Array.from({ length: 11 }, (_, i) => i);
  expect(plain(timeSeriesSplit(times, { folds: 3 }))).toEqual(reference.splits.time);
  // A gap of 2 rows is a distance of more than 2 between the last training and the first test time.
  expect(plain(timeSeriesSplit(times, { folds: 3, testRows: 2, gap: 3 }))).toEqual(reference.splits.time_gap);
});

test('rows in any order are split by their time', () => {
  const [split] = timeSeriesSplit(Float64Array.of(5, 1, 4, 2, 3, 0), { folds: 2, testRows: 2 });
  expect(plain([split!])).toEqual([{ train: [1, 5], test: [3, 4] }]);
});

test('shuffled and stratified folds part the rows and repeat by the seed', () => {
  const labels = Uint8Array.from({ length: 103 }, (_, i) => (i % 10 === 0 ? 1 : 0));
  for (const folds of [kFold(103, { folds: 5, seed: 1 }), stratifiedKFold(labels, { folds: 5, seed: 1 })]) {
    expect(folds.flatMap(({ test }) => [...test]).sort((a, b) => a - b)).toEqual([...Array(103).keys()]);
    for (const { train, test } of folds) expect(new Set([...train, ...test]).size).toBe(103);
  }
  expect(kFold(103, { folds: 5, seed: 1 })).toEqual(kFold(103, { folds: 5, seed: 1 }));
  expect(kFold(103, { folds: 5, seed: 1 })).not.toEqual(kFold(103, { folds: 5, seed: 2 }));
  const positives = stratifiedKFold(labels, { folds: 5, seed: 9 }).map(
    ({ test }) => test.filter((row) => labels[row] === 1).length,
  );
  expect(Math.max(...positives) - Math.min(...positives)).toBeLessThanOrEqual(1);
});

test('a split by time never divides rows of one time', () => {
  const times = Float64Array.of(3, 1, 2, 3, 3, 1, 2, 3);
  const byShare = splitByTime(times, { fraction: 0.25 });
  expect(byShare.cutoff).toBe(3);
  expect(plain([byShare])).toEqual([{ train: [1, 2, 5, 6], test: [0, 3, 4, 7] }]);
  expect(plain([splitByTime(times, { cutoff: 2 })])).toEqual([{ train: [1, 5], test: [0, 2, 3, 4, 6, 7] }]);
});

test.each([
  [() => splitByTime(Float64Array.of(1, 2), { cutoff: 9 }), 'SPLIT_EMPTY'],
  [() => splitByTime(Float64Array.of(1, 2), { fraction: 1.5 }), 'SPLIT_INVALID'],
  [() => kFold(3, { folds: 4 }), 'SPLIT_INVALID'],
  [() => timeSeriesSplit(new Float64Array(10), { folds: 3, testRows: 4 }), 'SPLIT_INVALID'],
])('refuses splits that cannot be (%#)', (make, reason) => {
  expect(make).toThrow(expect.objectContaining({ reason }));
});
