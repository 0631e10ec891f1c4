import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { planLayout } from '../src/data.ts';
import type { TrainOptions } from '../src/index.ts';
import { digest, resolveTreeParams, train } from '../src/index.ts';
import type { Kernels, Layout } from '../src/kernels/kernels.ts';
import { ReferenceKernels } from '../src/kernels/reference.ts';
import { WasmKernels } from '../src/kernels/wasm.ts';
import { objectiveOf } from '../src/objective.ts';
import { chooseQuantisation } from '../src/quantise.ts';
import { makeSample, range } from './data.ts';

/** Small chunks, so that small data are divided among many threads. */
const FINE = { rowsPerThread: 100, chunkRows: 4096, histogramRows: 200 };

const VARIANTS: [string, (layout: Layout) => Promise<Kernels>][] = [
  ['TypeScript', async (layout) => new ReferenceKernels(layout)],
  ['1 thread', (layout) => WasmKernels.create(layout, 1, FINE)],
  ['2 threads', (layout) => WasmKernels.create(layout, 2, FINE)],
  ['8 threads', (layout) => WasmKernels.create(layout, 8, FINE)],
];

const sample = makeSample('kernels', 12_000);

test.each<[string, Partial<TrainOptions>]>([
  ['binary', { params: { objective: 'binary', rounds: 5 } }],
  ['l2', { labels: sample.real, params: { objective: 'l2', rounds: 5 } }],
  [
    'bags, feature subsets, penalties and weights',
    {
      weights: Float32Array.from(sample.binary, (_, i) => (i % 5) / 3),
      params: {
        objective: 'binary',
        rounds: 5,
        baggingFraction: 0.6,
        baggingFrequency: 2,
        featureFraction: 0.6,
        lambdaL1: 0.3,
        lambdaL2: 2,
        minGain: 0.1,
        maxDepth: 6,
      },
    },
  ],
])('all kernels give the same bytes: %s', async (_, change) => {
  const digests = new Set<string>();
  for (const [, kernels] of VARIANTS) {
    const losses: number[] = [];
    const model = await train({
      columns: sample.columns,
      rows: sample.rows,
      rowIndex: range(0, 10_000),
      labels: sample.binary,
      params: { objective: 'binary' },
      validation: { labels: change.labels ?? sample.binary, rowIndex: range(10_000, 12_000) },
      seed: 3,
      onRound: (round) => losses.push(round.trainLoss, round.validLoss!),
      ...change,
      kernels,
    });
    digests.add(`${digest(model)} ${losses.join()}`);
  }
  expect(digests.size).toBe(1);
});

test('the order of the rows does not change the trees', async () => {
  const options = { columns: sample.columns, rows: sample.rows, labels: sample.real, seed: 1 };
  const params = { objective: 'l2' as const, rounds: 5 };
  const forward = await train({ ...options, params, rowIndex: range(0, 3_000) });
  const backward = await train({ ...options, params, rowIndex: range(0, 3_000).reverse() });
  expect([...backward.feature]).toEqual([...forward.feature]);
  expect(backward.threshold).toEqual(forward.threshold);
});

test.each(VARIANTS)('a histogram less its sibling is the histogram built directly: %s', async (_, create) => {
  const data = { columns: sample.columns, rows: sample.rows, labels: sample.real };
  const layout = planLayout(data, 0, false, resolveTreeParams({ objective: 'l2' }), createRng(1));
  const kernels = await create(layout);
  try {
    kernels.labels.set(sample.real);
    for (const [position, { feature }] of layout.features.entries())
      kernels.encode(position, sample.columns[feature]!, undefined, sample.rows, 0);
    kernels.finishEncoding();
    kernels.index.set(range(0, sample.rows));
    kernels.quantise(chooseQuantisation(sample.rows, kernels.gradients(objectiveOf('l2'))));
    kernels.buildHistogram(0, 0, sample.rows);
    const middle = kernels.partition(0, sample.rows, 2, 100, true);
    expect(middle).toBeGreaterThan(1_000);
    expect([...kernels.index.slice(0, middle)]).toEqual([...kernels.index.slice(0, middle)].sort((a, b) => a - b));
    kernels.buildHistogram(1, 0, middle);
    kernels.buildHistogram(2, middle, sample.rows);
    kernels.subtract(0, 1);
    expect(kernels.readHistogram(0)).toEqual(kernels.readHistogram(2));
    expect(kernels.sums(0).count).toBe(sample.rows - middle);
  } finally {
    await kernels.close();
  }
});

test('the committed kernels are what the sources give', () => {
  const script = fileURLToPath(new URL('../build-kernels.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect(`${status} ${stderr}`).toBe('0 ');
});
