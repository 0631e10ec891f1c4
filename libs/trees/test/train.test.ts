import { expect, test } from '@jest/globals';
import type { Round, TrainOptions } from '../src/index.ts';
import {
  deserialize,
  digest,
  featureImportance,
  predict,
  predictRaw,
  serialize,
  train,
  treeCount,
} from '../src/index.ts';
import { makeSample, range } from './data.ts';

const sample = makeSample(1, 3_000);
const base: TrainOptions = {
  columns: sample.columns,
  rows: sample.rows,
  labels: sample.binary,
  params: { objective: 'binary', rounds: 20 },
  seed: 7,
};

test('two trainings give the same bytes, another seed another bag', async () => {
  const params = { ...base.params, baggingFraction: 0.7, baggingFrequency: 2, featureFraction: 0.5 };
  const [a, b, c] = [
    await train({ ...base, params }),
    await train({ ...base, params }),
    await train({ ...base, params, seed: 8 }),
  ];
  expect(digest(a)).toBe(digest(b));
  expect(a.value).not.toEqual(c.value);
});

test('a serialised model is read back the same, and damage is seen', async () => {
  const model = await train({ ...base, featureNames: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] });
  const bytes = serialize(model);
  expect(deserialize(bytes)).toEqual(model);
  expect(serialize(deserialize(bytes))).toEqual(bytes);
  for (const broken of [
    bytes.subarray(0, 40),
    bytes.subarray(0, bytes.length - 8),
    bytes.subarray(1),
    new Uint8Array(3),
  ])
    expect(() => deserialize(broken)).toThrow(
      expect.objectContaining({ code: 'DATA_LOSS', reason: 'TREE_MODEL_INVALID' }),
    );
});

test('the training loss that is reported is the loss of the predictions', async () => {
  const rounds: Round[] = [];
  const validation = { labels: sample.binary, rowIndex: range(2_000, 3_000) };
  const options = { ...base, rowIndex: range(0, 2_000), validation, onRound: (round: Round) => rounds.push(round) };
  const model = await train(options);
  expect(rounds.map((r) => r.round)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  const p = predict(model, sample.columns, sample.rows);
  const mean = (from: number, to: number) => {
    let sum = 0;
    for (let i = from; i < to; i++) sum -= Math.log(sample.binary[i] === 1 ? p[i]! : 1 - p[i]!);
    return sum / (to - from);
  };
  expect(rounds[19]!.trainLoss).toBeCloseTo(mean(0, 2_000), 6);
  expect(rounds[19]!.validLoss).toBeCloseTo(mean(2_000, 3_000), 6);
  expect(digest(await train({ ...options, validation: { ...validation, columns: sample.columns } }))).toBe(
    digest(model),
  );
});

test('early stopping keeps the round with the least validation loss', async () => {
  const rounds: Round[] = [];
  const model = await train({
    ...base,
    rowIndex: range(0, 1_000),
    validation: { labels: sample.binary, rowIndex: range(1_000, 3_000) },
    params: { objective: 'binary', rounds: 500, learningRate: 0.3, earlyStoppingRounds: 10 },
    onRound: (round) => rounds.push(round),
  });
  const best = rounds.reduce((a, b) => (b.validLoss! < a.validLoss! ? b : a));
  expect(treeCount(model)).toBe(best.round);
  expect(rounds.length).toBe(best.round + 10);
});

test('weights count as repeated rows', async () => {
  const weights = Float32Array.from({ length: 3_000 }, (_, i) => i % 3);
  const repeated = [...range(0, 3_000)].flatMap((i) => new Array<number>(i % 3).fill(i)).sort((a, b) => a - b);
  const params = { ...base.params, minDataInLeaf: 1, minSumHessian: 5, binSampleRows: 100_000, minDataInBin: 1 };
  const weighted = await train({
    ...base,
    weights,
    params,
    columns: sample.columns.map((c) => c.map((x) => Math.round(x * 8))),
  });
  const copies = await train({
    ...base,
    params,
    columns: sample.columns.map((c) => c.map((x) => Math.round(x * 8))),
    rowIndex: Uint32Array.from(repeated),
  });
  expect(copies.baseScore).toBeCloseTo(weighted.baseScore, 12);
  expect([...copies.feature]).toEqual([...weighted.feature]);
  for (const [i, value] of copies.value.entries()) expect(value).toBeCloseTo(weighted.value[i]!, 5);
});

test('limits of the trees hold', async () => {
  const params = { ...base.params, maxDepth: 3, minDataInLeaf: 50, numLeaves: 6 };
  const model = await train({ ...base, params });
  const leaves = [...model.feature].filter((f) => f < 0).length;
  expect(leaves).toBeLessThanOrEqual(6 * treeCount(model));
  for (const [n, f] of model.feature.entries()) if (f < 0) expect(model.count[n]).toBeGreaterThanOrEqual(50);
  const depth = (n: number): number =>
    model.feature[n]! < 0 ? 0 : 1 + Math.max(depth(model.left[n]!), depth(model.right[n]!));
  for (let t = 0; t < treeCount(model); t++) expect(depth(model.roots[t]!)).toBeLessThanOrEqual(3);
});

test('importance finds the informative features', async () => {
  const { gain, splits } = featureImportance(await train(base));
  expect(gain[0]).toBeGreaterThan(gain[5]! * 5);
  expect(splits.every((n) => n >= 0)).toBe(true);
});

test('an aborted signal ends the training between rounds', async () => {
  const controller = new AbortController();
  const done = train({
    ...base,
    signal: controller.signal,
    onRound: ({ round }) => round === 3 && controller.abort('enough'),
  });
  await expect(done).rejects.toMatchObject({ code: 'CANCELLED', reason: 'TRAINING_CANCELLED' });
});

const one = (values: ArrayLike<number>) => Float32Array.from(values);

test('constant and all-missing features are left out of the trees', async () => {
  const columns = [...sample.columns];
  columns[5] = new Float32Array(3_000).fill(4);
  columns[6] = new Float32Array(3_000).fill(Number.NaN);
  const model = await train({ ...base, columns });
  expect(new Set(model.feature).has(5) || new Set(model.feature).has(6)).toBe(false);
  expect(treeCount(model)).toBe(20);
});

test('a feature that is missing or one value is split on by being missing', async () => {
  const column = one(Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? Number.NaN : 5)));
  const labels = one(Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 10 : -10)));
  const params = { objective: 'l2' as const, rounds: 1, learningRate: 1 };
  const model = await train({ columns: [column], rows: 200, labels, params, seed: 1 });
  expect(model.threshold[0]).toBe(Infinity);
  expect([...predictRaw(model, [one([5, Number.NaN, Infinity, -7])], 4)]).toEqual([-10, 10, -10, -10]);
});

test('missing values that training never saw go where more rows went', async () => {
  const column = one(Array.from({ length: 100 }, (_, i) => i));
  const labels = one(Array.from({ length: 100 }, (_, i) => (i < 30 ? 0 : 1)));
  const params = { objective: 'l2' as const, rounds: 1, learningRate: 1 };
  const model = await train({ columns: [column], rows: 100, labels, params, seed: 1 });
  expect(predictRaw(model, [one([Number.NaN])], 1)[0]).toBe(1);
});

test('more leaves than rows, or fewer rows than a leaf needs, end in small trees', async () => {
  const few = {
    ...base,
    rowIndex: range(0, 30),
    params: { objective: 'binary' as const, numLeaves: 500, minDataInLeaf: 5 },
  };
  const model = await train(few);
  expect([...model.feature].filter((f) => f < 0).length).toBeLessThanOrEqual(6 * treeCount(model));
  expect(treeCount(await train({ ...few, params: { objective: 'binary' } }))).toBe(0);
});

test.each([
  ['a NaN label', { labels: sample.binary.map((y, i) => (i === 17 ? Number.NaN : y)) }, 'LABEL_INVALID'],
  [
    'a label beyond float32',
    { labels: Float64Array.from(sample.binary, (y) => (y === 1 ? 1e300 : 0)) },
    'LABEL_INVALID',
  ],
  ['a label of 2', { labels: sample.binary.map((y, i) => (i === 17 ? 2 : y)) }, 'LABEL_NOT_BINARY'],
  ['one class', { labels: new Float32Array(3_000) }, 'ONE_CLASS'],
  ['one class with weight', { weights: sample.binary }, 'ONE_CLASS'],
  ['a negative weight', { weights: new Float32Array(3_000).fill(-1) }, 'WEIGHT_INVALID'],
  ['no weight', { weights: new Float32Array(3_000) }, 'WEIGHT_INVALID'],
  ['too few labels', { labels: sample.binary.subarray(1) }, 'FEATURES_INVALID'],
  ['a short column', { columns: [new Float32Array(2)] }, 'FEATURES_INVALID'],
  ['no column', { columns: [] }, 'FEATURES_INVALID'],
  ['no row', { rows: 0 }, 'NO_ROWS'],
  ['a row that is not there', { rowIndex: Uint32Array.of(3_000) }, 'ROW_INDEX_INVALID'],
  ['an unknown parameter', { params: { objective: 'binary', num_leaves: 3 } }, 'TREE_PARAMS_INVALID'],
  ['a rate of 0', { params: { objective: 'binary', learningRate: 0 } }, 'TREE_PARAMS_INVALID'],
  ['an unknown objective', { params: { objective: 'rank' } }, 'TREE_PARAMS_INVALID'],
  ['no thread', { threads: 0 }, 'THREADS_INVALID'],
] as [string, object, string][])('%s is refused', async (_, change, reason) => {
  const refused = train({ ...base, ...change } as TrainOptions);
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', reason });
});

test('columns that do not fit the model are refused at prediction', async () => {
  const model = await train({ ...base, params: { objective: 'binary', rounds: 1 } });
  expect(() => predict(model, sample.columns.slice(1), 10)).toThrow(
    expect.objectContaining({ reason: 'FEATURES_INVALID' }),
  );
});
