import { expect, test } from '@jest/globals';
import { ago, bytes, count, duration, metric, moment, percent, rate, short, span } from './format.ts';

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [1_234_567n, '1,234,567'],
  [-1234, '-1,234'],
])('count %p', (value, text) => expect(count(value)).toBe(text));

test.each([
  [0, '0'],
  [0.7123456, '0.712'],
  [12.3456, '12.35'],
  [1234, '1234'],
  [9999.4, '9999'],
  [12_345, '12.3k'],
  [999_999, '1M'],
  [3_000_000, '3M'],
  [2.5e9, '2.5G'],
  [0.00012, '1.2e-4'],
  [-45_000, '-45k'],
  [Number.NaN, '–'],
  [Number.POSITIVE_INFINITY, '∞'],
])('short %p', (value, text) => expect(short(value)).toBe(text));

test.each([
  [0.712, '0.7120'],
  [0, '0.0000'],
  [2.4e-7, '2.4e-7'],
  [undefined, '–'],
  [Number.NaN, '–'],
])('metric %p', (value, text) => expect(metric(value)).toBe(text));

test.each([
  [0, '0 %'],
  [0.0001, '<0.1 %'],
  [0.123, '12.3 %'],
  [1, '100 %'],
])('percent %p', (value, text) => expect(percent(value)).toBe(text));

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [1024 ** 2, '1 MiB'],
  [5n * 1024n ** 4n, '5 TiB'],
])('bytes %p', (value, text) => expect(bytes(value)).toBe(text));

test.each([
  [0, '0 ms'],
  [0.012, '12 µs'],
  [340, '340 ms'],
  [1234, '1.23 s'],
  [59_940, '59.9 s'],
  [59_960, '1m 00s'],
  [185_000, '3m 05s'],
  [3_600_000, '1h 00m'],
  [7_440_000, '2h 04m'],
  [273_600_000, '3d 4h'],
  [-1500, '-1.5 s'],
  [Number.NaN, '–'],
])('duration %p', (value, text) => expect(duration(value)).toBe(text));

test.each([
  [604_800_000, '7d'],
  [129_600_000, '36h'],
  [900_000, '15m'],
  [90_000, '90s'],
  [0, '0s'],
])('span %p', (value, text) => expect(span(value)).toBe(text));

test('rates, moments and ages', () => {
  expect(rate(3_000_000, 1500)).toBe('2M/s');
  expect(rate(0, 1500)).toBe('');
  expect(moment(new Date('2001-04-01T00:00:00Z'))).toBe('2001-04-01');
  expect(moment(new Date('2001-04-01T09:30:05.9Z'))).toBe('2001-04-01 09:30:05');
  expect(moment(undefined)).toBe('–');
  expect(ago(new Date(1000), new Date(13_000))).toBe('12 s ago');
});
