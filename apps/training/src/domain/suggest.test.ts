import { expect, test } from '@jest/globals';
import { editDistance, suggest } from './suggest.ts';

test('the edit distance of the textbook pairs', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('', 'abc')).toBe(3);
  expect(editDistance('flaw', 'lawn')).toBe(2);
});

test('near names are offered, the nearest first, and a name without its view', () => {
  const known = ['origin', 'origin__late_rate_1d', 'destination', 'distance'];
  expect(suggest('orgin', known)).toEqual(['origin']);
  expect(suggest('late_rate_1d', known)).toEqual(['origin__late_rate_1d']);
  expect(suggest('zzzzzz', known)).toEqual([]);
});
