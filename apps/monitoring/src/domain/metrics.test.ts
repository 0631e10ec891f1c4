import { expect, test } from '@jest/globals';
import { measurePerformance } from './metrics.ts';

test("the label rate has Wilson's interval", () => {
  // Newcombe (Statistics in Medicine 17, 1998, table I, method 3): 81 of 263 give 0.2553 to 0.3662, 0 of 20 give 0 to 0.1611.
  const rateOf = (positives: number, rows: number) => {
    const labels = Float64Array.from({ length: rows }, (_, i) => (i < positives ? 1 : 0));
    return measurePerformance('binary', labels, new Float64Array(rows).fill(0.5), 1)?.intervals.label_rate;
  };
  expect(rateOf(81, 263)?.lower).toBeCloseTo(0.2553, 4);
  expect(rateOf(81, 263)?.upper).toBeCloseTo(0.3662, 4);
  expect(rateOf(0, 20)?.lower).toBeCloseTo(0, 12);
  expect(rateOf(0, 20)?.upper).toBeCloseTo(0.1611, 4);
});

test('labels of another kind are left out and told; without a label there is nothing to measure', () => {
  const labels = Float64Array.from([0, 1, 2, Number.NaN]);
  const found = measurePerformance('binary', labels, new Float64Array(4).fill(0.5), 1);
  expect(found?.rows).toBe(2);
  expect(found?.notes).toEqual([expect.stringContaining('1 labels are neither 0 nor 1')]);
  expect(measurePerformance('binary', new Float64Array(3).fill(Number.NaN), new Float64Array(3), 1)).toBeUndefined();
});
