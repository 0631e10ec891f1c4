import { expect, test } from '@jest/globals';
import { layers } from './layers.ts';
import { wrapText } from './lineage-graph.ts';
import { linearScale, roundDomain, roundValues, timeTicks } from './scale.ts';

test('a linear scale maps ends to ends and holds what lies outside', () => {
  const scale = linearScale([0, 10], [100, 0]);
  expect([0, 5, 10, 20, -1].map(scale)).toEqual([100, 50, 0, 0, 100]);
  expect(linearScale([3, 3], [0, 10])(3)).toBe(5);
});

test('marks are round, and the domain holds all values', () => {
  expect(roundValues(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(roundDomain([0.431, 0.489], 4)).toEqual([0.42, 0.5]);
  expect(roundDomain([3], 4, true)[0]).toBe(0);
  expect(roundDomain([], 4)).toEqual([0, 1]);
});

test('a quarter is marked by months, two weeks by days', () => {
  const labels = (from: string, to: string) => timeTicks(Date.parse(from), Date.parse(to), 8).map((tick) => tick.label);
  expect(labels('2001-04-01', '2001-07-01')).toEqual(['Apr', 'May', 'Jun', 'Jul']);
  expect(labels('2001-06-01', '2001-06-15')).toHaveLength(8);
});

test('every edge of a graph without circles runs to a later layer', () => {
  const edges = [
    ['a', 'c'],
    ['b', 'c'],
    ['c', 'd'],
    ['a', 'd'],
    ['x', 'd'],
  ].map(([source = '', target = '']) => ({ source, target }));
  const result = layers(['d', 'c', 'b', 'a', 'x'], edges);
  const depth = new Map(result.flatMap((layer, index) => layer.map((name) => [name, index] as const)));
  for (const edge of edges) expect(depth.get(edge.source)).toBeLessThan(depth.get(edge.target) ?? -1);
  expect(depth.get('x')).toBe(1);
});

test('a circle, an edge to nothing and an edge to oneself do no harm', () => {
  const edges = [
    ['a', 'b'],
    ['b', 'a'],
    ['a', 'a'],
    ['a', 'nowhere'],
  ].map(([source = '', target = '']) => ({ source, target }));
  expect(layers(['a', 'b'], edges).flat().sort()).toEqual(['a', 'b']);
  expect(layers([], [])).toEqual([]);
});

test('text wraps at separators, breaks long words and ends in an ellipsis', () => {
  expect(wrapText('origin_late_rate_7d', 12, 3)).toEqual(['origin_late_', 'rate_7d']);
  expect(wrapText('abcdefghij', 4, 3)).toEqual(['abcd', 'efgh', 'ij']);
  expect(wrapText('one two three four', 5, 2)).toEqual(['one', 'two…']);
  expect(wrapText('', 5, 2)).toEqual([]);
});
