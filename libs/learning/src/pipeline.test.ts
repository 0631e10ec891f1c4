import { expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { createOnnxSession, readModel } from '@millrace/onnx';
import { crossValidate, evaluate } from './evaluation.ts';
import { toFeeds } from './feeds.ts';
import type { Frame } from './frame.ts';
import { selectRows } from './frame.ts';
import { checkParity } from './parity.ts';
import type { PipelineSpec } from './pipeline.ts';
import { fitPipeline } from './pipeline.ts';
import { kFold } from './splits.ts';

/** Rows with gaps, texts with gaps and rare levels, and labels that depend on them. */
function makeRows(rows: number, seed: number) {
  const rng = createRng(seed);
  const levels = ['SFO', 'JFK', 'ORD', 'ÅBC', 'rare', ''];
  const amount = Float32Array.from({ length: rows }, () => (rng.next() < 0.1 ? Number.NaN : rng.next() * 1000));
  const hour = Float32Array.from({ length: rows }, () => rng.nextInt(24));
  const codes = Int32Array.from({ length: rows }, () => {
    if (rng.next() < 0.05) return -1;
    return rng.next() < 0.01 ? 4 + rng.nextInt(2) : rng.nextInt(4);
  });
  const score = (i: number) => {
    const a = Number.isNaN(amount[i]!) ? 1 : amount[i]! / 500;
    return a + Math.sin(hour[i]! / 4) + (codes[i] === 1 ? 1 : 0) - 1 + 2 * (rng.next() - 0.5);
  };
  const value = Float64Array.from({ length: rows }, (_, i) => score(i));
  const frame: Frame = {
    rows,
    columns: {
      amount: { kind: 'numeric', values: amount },
      hour: { kind: 'numeric', values: hour },
      origin: { kind: 'category', codes, levels },
    },
  };
  return { frame, value, late: Uint8Array.from(value, (x) => (x > 0.6 ? 1 : 0)) };
}

const data = makeRows(3000, 1);
const held = makeRows(1500, 2);

const trees = { kind: 'gradient_boosting', params: { rounds: 20, numLeaves: 15 } } as const;
const specs: [string, PipelineSpec][] = [
  ['logistic, defaults', { task: 'binary', estimator: { kind: 'logistic' }, seed: 1 }],
  ['trees, defaults', { task: 'binary', estimator: trees, seed: 1 }],
  ['linear, defaults', { task: 'regression', estimator: { kind: 'linear' }, seed: 1 }],
  ['trees on values', { task: 'regression', estimator: trees, seed: 1 }],
  [
    'logistic, every other step',
    {
      task: 'binary',
      seed: 1,
      estimator: { kind: 'logistic', params: { c: 10 } },
      preprocessing: {
        numeric: [{ op: 'impute', strategy: 'mean', indicator: true }, { op: 'min_max_scale' }],
        columns: {
          hour: { steps: [{ op: 'standard_scale' }], inputType: 'int64' },
          origin: {
            steps: [
              { op: 'impute', strategy: 'mode' },
              { op: 'ordinal', order: 'frequency', maxLevels: 3, unknown: 9 },
              { op: 'standard_scale' },
            ],
          },
        },
      },
    },
  ],
  [
    'trees on one-hot and imputed texts',
    {
      task: 'binary',
      seed: 1,
      estimator: trees,
      preprocessing: {
        category: [
          { op: 'impute', strategy: 'constant', value: 'none' },
          { op: 'one_hot', minRows: 20, rare: 'other' },
        ],
      },
    },
  ],
];

test.each(specs)('ONNX Runtime gives the trainer’s predictions: %s', async (_, spec) => {
  const labels = spec.task === 'binary' ? data.late : data.value;
  const fitted = await fitPipeline(data.frame, labels, spec);
  const parity = await checkParity(fitted, fitted.exportOnnx(), held.frame, { batchRows: 700 });
  expect(parity).toMatchObject({ ok: true, labelFlips: 0 });
  expect(parity.rows).toBe(held.frame.rows + parity.edgeRows);
  expect(parity.edgeRows).toBeGreaterThan(15);
});

test('a file that computes something else fails the gate', async () => {
  const spec: PipelineSpec = { task: 'binary', estimator: trees, seed: 1 };
  const fitted = await fitPipeline(data.frame, data.late, spec);
  const shorter = { ...spec, estimator: { ...trees, params: { ...trees.params, rounds: 19 } } };
  const wrong = await fitPipeline(data.frame, data.late, shorter);
  const parity = await checkParity(fitted, wrong.exportOnnx(), held.frame);
  expect(parity.ok).toBe(false);
  expect(parity.maxAbs).toBeGreaterThan(1e-3);
});

test.each(specs.slice(0, 4))('the same rows and seed give the same bytes: %s', async (_, spec) => {
  const labels = spec.task === 'binary' ? data.late : data.value;
  const metadata = { run: 'r1', dataset: 'd7' };
  const [a, b] = await Promise.all([1, 2].map(() => fitPipeline(data.frame, labels, spec)));
  expect(a!.exportOnnx({ metadata })).toEqual(b!.exportOnnx({ metadata }));
});

test('any number of threads gives the same bytes', async () => {
  const spec = specs[1]![1];
  const [one, two] = [
    await fitPipeline(data.frame, data.late, spec),
    await fitPipeline(data.frame, data.late, spec, { threads: 2 }),
  ];
  expect(two.exportOnnx()).toEqual(one.exportOnnx());
});

test('one file with raw inputs, named outputs and metadata', async () => {
  const fitted = await fitPipeline(data.frame, data.late, specs[4]![1]);
  const model = readModel(fitted.exportOnnx({ metadata: { run: 'r1' } }));
  expect(model.inputs).toEqual([
    { name: 'amount', type: 'float32', shape: ['N', 1] },
    { name: 'hour', type: 'int64', shape: ['N', 1] },
    { name: 'origin', type: 'string', shape: ['N', 1] },
  ]);
  expect(model.outputs).toEqual([
    { name: 'probability', type: 'float32', shape: ['N', 1] },
    { name: 'label', type: 'int64', shape: ['N', 1] },
  ]);
  expect(model.metadata).toMatchObject({ run: 'r1', 'millrace.task': 'binary', 'millrace.estimator': 'logistic' });
});

test('a request of one row gets the answer of the whole batch', async () => {
  const fitted = await fitPipeline(data.frame, data.late, specs[1]![1]);
  const all = fitted.predict(held.frame);
  const session = await createOnnxSession(fitted.exportOnnx());
  for (const row of [0, 7, 1499]) {
    const { probability, label } = await session.run(
      toFeeds(fitted.columns, selectRows(held.frame, Uint32Array.of(row))),
    );
    expect((probability!.values as Float32Array)[0]).toBeCloseTo(all[row]!, 6);
    expect((label!.values as BigInt64Array)[0]).toBe(all[row]! > 0.5 ? 1n : 0n);
  }
  await session.close();
});

test('a row of weight 2 counts like two rows', async () => {
  const spec: PipelineSpec = {
    task: 'binary',
    seed: 1,
    estimator: { kind: 'logistic', params: { tolerance: 1e-10 } },
    preprocessing: { drop: ['amount', 'origin'], numeric: [{ op: 'passthrough' }] },
  };
  const rows = Uint32Array.from({ length: 3000 }, (_, i) => i);
  const twice = Uint32Array.from([...rows, ...rows.subarray(0, 1000)]);
  const weights = Float64Array.from(rows, (i) => (i < 1000 ? 2 : 1));
  const weighted = await fitPipeline(data.frame, data.late, spec, { weights });
  const repeated = await fitPipeline(
    selectRows(data.frame, twice),
    Uint8Array.from(twice, (i) => data.late[i]!),
    spec,
  );
  const [a, b] = [weighted.predict(held.frame), repeated.predict(held.frame)];
  expect(Math.max(...a.map((p, i) => Math.abs(p - b[i]!)))).toBeLessThan(1e-8);
});

test('preprocessing learns nothing from the folds’ test rows, and cross-validation reports each fold', async () => {
  const folds: number[] = [];
  const result = await crossValidate(data.frame, data.late, specs[0]![1], kFold(3000, { folds: 3, seed: 1 }), {
    onFold: (k) => folds.push(k),
  });
  expect(folds).toEqual([0, 1, 2]);
  expect(result.folds).toHaveLength(3);
  expect(result.mean.auc).toBeGreaterThan(0.75);
  const [split] = kFold(3000, { folds: 3, seed: 1 });
  const changed = { ...data.frame.columns, amount: { kind: 'numeric' as const, values: new Float32Array(3000) } };
  const values = changed.amount.values;
  const original = data.frame.columns.amount as { values: Float32Array };
  values.set(original.values);
  for (const row of split!.test) values[row] = 1e9;
  const fit = (frame: Frame) =>
    fitPipeline(
      selectRows(frame, split!.train),
      data.late.filter((_, i) => split!.train.includes(i)),
      specs[0]![1],
    );
  const [before, after] = [await fit(data.frame), await fit({ rows: 3000, columns: changed })];
  expect(after.exportOnnx()).toEqual(before.exportOnnx());
});

test('evaluation names every metric of the task', async () => {
  const fitted = await fitPipeline(data.frame, data.late, specs[1]![1]);
  const report = evaluate('binary', held.late, fitted.predict(held.frame), 1);
  expect(Object.keys(report.metrics).sort()).toEqual(
    'accuracy auc brier ece f1 log_loss mean_prediction positive_rate precision recall'.split(' '),
  );
  expect(report.metrics.auc).toBeGreaterThan(0.8);
  expect(report.intervals.auc!.low).toBeLessThan(report.metrics.auc!);
  expect(fitted.importance.map(({ feature }) => feature).sort()).toEqual(['amount', 'hour', 'origin']);
});

test('early stopping keeps the best round of the validation rows', async () => {
  const estimator = {
    kind: 'gradient_boosting',
    params: { rounds: 300, learningRate: 0.5, earlyStoppingRounds: 5 },
  } as const;
  const fitted = await fitPipeline(
    data.frame,
    data.late,
    { task: 'binary', estimator, seed: 1 },
    {
      validation: { frame: held.frame, labels: held.late },
    },
  );
  expect(fitted.rounds).toBeLessThan(100);
});

test.each([
  [{ task: 'binary', estimator: { kind: 'linear' }, seed: 1 }, data.late, 'PIPELINE_INVALID'],
  [{ task: 'binary', estimator: { kind: 'logistic' }, seed: 1 }, data.value, 'LABEL_INVALID'],
  [{ task: 'binary', estimator: { kind: 'logistic' }, seed: 1 }, new Uint8Array(3000), 'LABEL_INVALID'],
  [{ task: 'binary', estimator: { kind: 'logistic' }, seed: 1 }, new Uint8Array(2), 'LABEL_INVALID'],
  [
    { task: 'binary', estimator: { kind: 'logistic', params: { depth: 3 } }, seed: 1 },
    data.late,
    'ESTIMATOR_PARAMS_INVALID',
  ],
  [
    { task: 'binary', estimator: { kind: 'gradient_boosting', params: { depth: 3 } }, seed: 1 },
    data.late,
    'TREE_PARAMS_INVALID',
  ],
] as [PipelineSpec, Uint8Array, string][])('refuses what does not fit (%#)', async (spec, labels, reason) => {
  await expect(fitPipeline(data.frame, labels, spec)).rejects.toMatchObject({ reason });
});
