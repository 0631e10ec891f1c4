import { expect, test } from '@jest/globals';
import { createRng, shuffle } from './rng.ts';

test('equal seeds give equal streams, forks do not depend on what was drawn', () => {
  const [a, b] = [createRng(7), createRng(7)];
  b.next();
  expect(a.fork('x').nextUint32()).toBe(b.fork('x').nextUint32());
  expect(createRng(7).nextUint32()).not.toBe(createRng(8).nextUint32());
});

test('nextInt is uniform within sampling error', () => {
  const rng = createRng('uniform');
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) counts[rng.nextInt(10)]! += 1;
  const chi2 = counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0);
  expect(chi2).toBeLessThan(27.9); // 99.9 % point of chi-squared with 9 degrees of freedom
});

test('shuffle keeps the items', () => {
  const items = shuffle([...Array(100).keys()], createRng(1));
  expect(items).not.toEqual([...Array(100).keys()]);
  expect(items.toSorted((a, b) => a - b)).toEqual([...Array(100).keys()]);
});
