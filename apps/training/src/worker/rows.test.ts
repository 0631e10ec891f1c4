import { expect, test } from '@jest/globals';
import { frameOf } from '@millrace/learning';
import { holdBack, type Rows, samplePositions, splitRows } from './rows.ts';

function rows(times: number[]): Rows {
  return {
    frame: frameOf({ x: times }),
    labels: Float64Array.from(times, (time) => time % 2),
    times: Float64Array.from(times),
  };
}

const twenty = rows(Array.from({ length: 20 }, (_, i) => Math.floor(i / 3)));

test('rows of one time are never divided', () => {
  const { train, test: held } = splitRows(twenty, { testFraction: 0.3 });
  expect([...train.times]).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
  expect(held.frame.rows).toBe(8);
  expect(splitRows(twenty, { testStartUs: 5 }).train.frame.rows).toBe(15);
  expect(splitRows(twenty, { testStartUs: 4.5 }).test.labels).toEqual(Float64Array.of(1, 1, 1, 0, 0));
});

test('a side without rows is refused', () => {
  const reason = (at: number) => () => splitRows(twenty, { testStartUs: at });
  expect(reason(7)).toThrow(expect.objectContaining({ reason: 'TEST_SET_EMPTY' }));
  expect(reason(0)).toThrow(expect.objectContaining({ reason: 'TOO_FEW_ROWS' }));
  expect(() => splitRows(rows([]), { testFraction: 0.2 })).toThrow(expect.objectContaining({ reason: 'TOO_FEW_ROWS' }));
});

test('the newest tenth steers early stopping', () => {
  const { fit, validation } = holdBack(twenty);
  expect([fit.frame.rows, validation.frame.rows]).toEqual([18, 2]);
  expect([...validation.times]).toEqual([6, 6]);
});

test('a sample is seeded, rising, without doubles and even', () => {
  const sample = samplePositions(10_000, 1000, 5);
  expect(samplePositions(10_000, 1000, 5)).toEqual(sample);
  expect(new Set(sample).size).toBe(1000);
  expect(sample.every((row, i) => i === 0 || row > sample[i - 1]!)).toBe(true);
  // Of a hypergeometric count with mean 500 and deviation 15.
  expect(Math.abs(sample.filter((row) => row < 5000).length - 500)).toBeLessThan(75);
  expect(samplePositions(5, 0, 5)).toEqual(Uint32Array.of(0, 1, 2, 3, 4));
});
