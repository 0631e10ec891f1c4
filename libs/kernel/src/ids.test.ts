import { expect, test } from '@jest/globals';
import { ManualClock } from './clock.ts';
import { createIdSource, createSeededIdSource } from './ids.ts';
import { isResourceId } from './names.ts';
import { createRng } from './rng.ts';

test('ids grow, also within a millisecond, and are resource ids', () => {
  const ids = createIdSource(new ManualClock('2026-01-01T00:00:00Z'));
  const made = Array.from({ length: 1000 }, () => ids.next());
  expect(made).toEqual(made.toSorted());
  expect(new Set(made).size).toBe(1000);
  expect(made.every(isResourceId)).toBe(true);
});

test('the same clock and seed give the same ids', () => {
  const make = () => createSeededIdSource(new ManualClock('2026-01-01T00:00:00Z'), createRng(3)).next();
  expect(make()).toBe(make());
});
