import { expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { LatencyHistogram } from './latency-histogram.ts';

test('quantiles are within 2 % of those of the sorted values', () => {
  const rng = createRng(7);
  const values = Array.from({ length: 20_000 }, () => Math.exp(rng.next() * 14));
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  const sorted = values.toSorted((a, b) => a - b);
  for (const q of [0.01, 0.5, 0.9, 0.99, 0.999]) {
    const exact = sorted[Math.ceil(q * sorted.length) - 1]!;
    expect(Math.abs(histogram.quantile(q) - exact)).toBeLessThanOrEqual(Math.max(1, exact * 0.02));
  }
});

test('old values are forgotten, extreme ones are kept within bounds', () => {
  const histogram = new LatencyHistogram();
  expect(histogram.quantile(0.5)).toBe(0);
  for (let i = 0; i < 100_000; i++) histogram.record(1000);
  for (let i = 0; i < 100_000; i++) histogram.record(10);
  expect(histogram.quantile(0.99)).toBe(10);
  histogram.record(Number.MAX_VALUE);
  histogram.record(-1);
  expect(histogram.quantile(1)).toBeGreaterThan(1e8);
});
