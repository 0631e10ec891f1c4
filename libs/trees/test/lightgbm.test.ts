import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { TreeParams } from '../src/index.ts';
import { predict, train } from '../src/index.ts';
import { areaUnderCurve, makeSample, range } from './data.ts';

/** Held-out results of LightGBM on the same rows and parameters, recorded by fixtures/record.py. */
const recorded = JSON.parse(readFileSync(new URL('./fixtures/lightgbm.json', import.meta.url), 'utf8')) as {
  cases: { name: string; auc?: number; logLoss?: number; mse?: number }[];
};
const sample = makeSample('lightgbm', 20_000);
const [fit, held] = [range(0, 15_000), range(15_000, 20_000)];

const PARAMS: Record<string, Partial<TreeParams>> = {
  binary: {},
  'binary, weights': {},
  'binary, depth 4, l1 1, l2 5, min gain 2': { maxDepth: 4, lambdaL1: 1, lambdaL2: 5, minGain: 2 },
  'binary, 8 leaves, min hessian 20, 63 bins': { numLeaves: 8, minSumHessian: 20, maxBins: 63 },
  l2: { objective: 'l2' },
};

test.each(recorded.cases)('is as good as LightGBM: $name', async (reference) => {
  const { columns, rows } = sample;
  const params = { objective: 'binary' as const, ...PARAMS[reference.name] };
  const labels = params.objective === 'l2' ? sample.real : sample.binary;
  const weights = reference.name.includes('weights') ? Float32Array.from(labels, (_, i) => 1 + (i % 3)) : undefined;
  const model = await train({ columns, rows, rowIndex: fit, labels, weights, params, seed: 1 });
  const predicted = predict(model, columns, rows, held);
  const truth = labels.subarray(15_000);
  if (reference.auc !== undefined) {
    expect(Math.abs(areaUnderCurve(predicted, truth) - reference.auc)).toBeLessThan(0.002);
    const logLoss = predicted.reduce((sum, p, i) => sum - Math.log(truth[i] === 1 ? p : 1 - p), 0) / predicted.length;
    expect(Math.abs(logLoss - reference.logLoss!)).toBeLessThan(0.002);
  } else {
    const mse = predicted.reduce((sum, p, i) => sum + (p - truth[i]!) ** 2, 0) / predicted.length;
    expect(Math.abs(mse / reference.mse! - 1)).toBeLessThan(0.005);
  }
});
