import { expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { exp, log1p, roundEven, sigmoid } from './exp.ts';

test('exp and log1p agree with the engine to two units in the last place', () => {
  const rng = createRng(1);
  for (let i = 0; i < 20_000; i++) {
    const x = (rng.next() - 0.5) * 2 * (i % 2 === 0 ? 5 : 690);
    expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(5e-16);
    const u = rng.next() ** 4;
    expect(Math.abs(log1p(u) - Math.log1p(u))).toBeLessThanOrEqual(5e-16 * Math.log1p(u));
  }
});

test('their ends are finite', () => {
  expect(exp(0)).toBe(1);
  expect(exp(1e9)).toBe(exp(700));
  expect(exp(-1e9)).toBeGreaterThan(0);
  expect(sigmoid(0)).toBe(0.5);
  expect(log1p(0)).toBe(0);
  expect([0.5, 1.5, 2.5, -0.5, -1.5].map(roundEven).map((x) => x + 0)).toEqual([0, 2, 2, 0, -2]);
});
