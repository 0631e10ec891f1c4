import { expect, test } from '@jest/globals';
import type { Frame } from './frame.ts';
import { frameOf } from './frame.ts';
import { fitPreprocessing } from './preprocessor.ts';
import { reference } from './reference.ts';
import type { PreprocessingSpec, PreprocessingStep } from './spec.ts';
import { TREE_DEFAULTS } from './spec.ts';

const { preprocessing, models } = reference;

function numbers(rows: readonly (readonly (number | null)[])[]): Frame {
  return frameOf(Object.fromEntries(['a', 'b', 'c', 'd'].map((name, j) => [name, rows.map((row) => row[j])])));
}

function transform(frame: Frame, spec: PreprocessingSpec, on = frame) {
  const { names, columns } = fitPreprocessing(frame, spec, TREE_DEFAULTS).transform(on);
  return { names, rows: Array.from({ length: on.rows }, (_, i) => columns.map((column) => column[i]!)) };
}

test.each([
  ['mean', { op: 'impute', strategy: 'mean' }, preprocessing.gaps, preprocessing.mean],
  ['median', { op: 'impute', strategy: 'median' }, preprocessing.gaps, preprocessing.median],
  ['mode', { op: 'impute', strategy: 'mode' }, preprocessing.gaps, preprocessing.most_frequent],
  ['standard scale', { op: 'standard_scale' }, models.features, preprocessing.standard],
  ['min-max scale', { op: 'min_max_scale' }, models.features, preprocessing.min_max],
] as const)('%s is scikit-learn’s, to float32', (_, step, input, expected) => {
  const { rows } = transform(numbers(input), { numeric: [step as PreprocessingStep] });
  for (const [i, row] of rows.entries()) {
    for (const [j, x] of row.entries()) {
      const scale = Math.max(1, Math.abs(expected[i]![j]!));
      expect(Math.abs(x - expected[i]![j]!) / scale).toBeLessThan(3e-6);
    }
  }
});

test('the missing indicator is a feature of its own', () => {
  const spec = { numeric: [{ op: 'impute', strategy: 'constant', value: 7, indicator: true }] } as const;
  const { names, rows } = transform(numbers(preprocessing.gaps), spec);
  expect(names.slice(0, 4)).toEqual(['a', 'a__missing', 'b', 'b__missing']);
  expect(rows.map((row) => [row[1], row[3], row[5], row[7]])).toEqual(preprocessing.indicator);
  expect(rows.every((row, i) => preprocessing.indicator[i]![0] === 0 || row[0] === 7)).toBe(true);
});

const texts = frameOf({ x: ['b', 'a', 'b', null, 'c', 'a', 'b', 'd', ''] });
const later = frameOf({ x: ['new', 'b', '', null, 'd'] });

test('one-hot keeps the frequent levels; rare and unseen ones become zeros or "other"', () => {
  const zeros = transform(texts, { category: [{ op: 'one_hot', maxLevels: 2 }] }, later);
  expect(zeros.names).toEqual(['x=a', 'x=b']);
  expect(zeros.rows).toEqual([
    [0, 0],
    [0, 1],
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
  const other = transform(texts, { category: [{ op: 'one_hot', minRows: 2, rare: 'other' }] }, later);
  expect(other.names).toEqual(['x=a', 'x=b', 'x__other']);
  expect(other.rows).toEqual([
    [0, 0, 1],
    [0, 1, 0],
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 1],
  ]);
});

test('missing texts may count as a level', () => {
  const mode = [{ op: 'impute', strategy: 'mode' }, { op: 'one_hot' }] as const;
  expect(transform(texts, { category: mode }, later).rows[2]).toEqual([0, 1, 0, 0]);
  const constant = [{ op: 'impute', strategy: 'constant', value: 'none' }, { op: 'ordinal' }] as const;
  expect(transform(texts, { category: constant }, later).rows).toEqual([[Number.NaN], [1], [4], [4], [3]]);
});

test('ordered categories are numbered by text, by frequency or as told', () => {
  const of = (step: PreprocessingStep) => transform(texts, { category: [step] }, later).rows.flat();
  expect(of({ op: 'ordinal' })).toEqual([Number.NaN, 1, Number.NaN, Number.NaN, 3]);
  expect(of({ op: 'ordinal', order: 'frequency' })).toEqual([Number.NaN, 0, Number.NaN, Number.NaN, 3]);
  expect(of({ op: 'ordinal', levels: ['d', 'b'], unknown: -1 })).toEqual([-1, 1, Number.NaN, Number.NaN, 0]);
});

test.each([
  [{ columns: { nobody: { steps: [] } } }],
  [{ drop: ['nobody'] }],
  [{ drop: ['x'] }],
  [{ category: [{ op: 'standard_scale' }] }],
  [{ category: [{ op: 'one_hot' }, { op: 'standard_scale' }] }],
  [{ category: [{ op: 'one_hot', maxLevels: 0 }] }],
  [{ category: [{ op: 'ordinal', levels: ['a', 'a'] }] }],
  [{ category: [{ op: 'impute', strategy: 'mean' }, { op: 'ordinal' }] }],
] as PreprocessingSpec[][])('refuses %j', (spec) => {
  expect(() => transform(texts, spec!)).toThrow(expect.objectContaining({ reason: 'PREPROCESSING_INVALID' }));
});

test('a frame without the column, or with a column of the other kind, is refused', () => {
  for (const frame of [frameOf({ y: [1] }), frameOf({ x: [1] })]) {
    expect(() => transform(texts, {}, frame)).toThrow(expect.objectContaining({ reason: 'COLUMN_MISSING' }));
  }
});

test('an ordinal order by target follows the mean label of the training rows, equals by text', () => {
  const frame = frameOf({ city: ['b', 'a', 'b', 'c', 'd', 'a', null] });
  const labels = Float64Array.of(1, 0, 0, 1, 0.5, 0, 9);
  const spec = { category: [{ op: 'ordinal', order: 'target' }] } as const;
  const fitted = fitPreprocessing(frame, spec, TREE_DEFAULTS, labels);
  expect(fitted.columns[0]!.encoder!.levels).toEqual(['a', 'b', 'd', 'c']);
  expect(Array.from(fitted.transform(frame).columns[0]!)).toEqual([1, 0, 1, 3, 2, 0, Number.NaN]);
  expect(() => fitPreprocessing(frame, spec, TREE_DEFAULTS)).toThrow('labels');
});
