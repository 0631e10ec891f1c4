import { expect, test } from '@jest/globals';
import { logisticRegression } from './logistic.ts';
import { reference } from './reference.ts';
import { linearRegression } from './ridge.ts';

const { models } = reference;
const names = ['a', 'b', 'c', 'd'];
const columns = names.map((_, j) => Float32Array.from(models.features, (row) => row[j]!));
const matrix = { rows: models.features.length, names, columns };
const weights = Float64Array.from(models.weights);
const numeric = Float64Array.from(models.numeric);

interface Linear {
  readonly coefficients: Float64Array;
  readonly intercept: number;
}

function expectClose(model: Linear, expected: { readonly coef: readonly number[]; readonly intercept: number }) {
  const close = (a: number, b: number) => expect(Math.abs(a - b) / Math.max(1, Math.abs(b))).toBeLessThan(1e-7);
  for (const [j, coefficient] of expected.coef.entries()) close(model.coefficients[j]!, coefficient);
  close(model.intercept, expected.intercept);
}

test.each(Object.keys(models.logistic))('logistic regression with c = %s is scikit-learn’s', async (c) => {
  const estimator = logisticRegression({ c: Number(c), tolerance: 1e-12 });
  const labels = Uint8Array.from(models.binary);
  const model = await estimator.fit(matrix, labels, { seed: 1, weights });
  expectClose(model as unknown as Linear, models.logistic[c]!);
});

test('ridge and least squares are scikit-learn’s', async () => {
  const ridge = await linearRegression({ alpha: models.ridge.alpha }).fit(matrix, numeric, { seed: 1, weights });
  expectClose(ridge as unknown as Linear, models.ridge);
  const squares = await linearRegression({ alpha: 0 }).fit(matrix, numeric, { seed: 1 });
  expectClose(squares as unknown as Linear, models.ols);
});

test('least squares refuses features that depend on each other; ridge does not', async () => {
  const twice = { ...matrix, names: [...names, 'again'], columns: [...columns, columns[0]!] };
  await expect(linearRegression({ alpha: 0 }).fit(twice, numeric, { seed: 1 })).rejects.toMatchObject({
    reason: 'FEATURES_COLLINEAR',
  });
  const model = await linearRegression({ alpha: 1 }).fit(twice, numeric, { seed: 1 });
  expect(model.predict(twice).every(Number.isFinite)).toBe(true);
});

test('missing features, unknown and wrong parameters are refused by name', async () => {
  const gaps = { ...matrix, columns: [Float32Array.from(columns[0]!).fill(Number.NaN, 3, 4), ...columns.slice(1)] };
  await expect(linearRegression({}).fit(gaps, numeric, { seed: 1 })).rejects.toMatchObject({
    reason: 'FEATURE_NOT_FINITE',
    fields: { feature: 'a', row: '3' },
  });
  expect(() => logisticRegression({ c: -1, depth: 3 })).toThrow(
    expect.objectContaining({ violations: [{ field: 'c' }, { field: 'depth' }].map(expect.objectContaining) }),
  );
});

test('an aborted fit stops with a reason', async () => {
  const controller = new AbortController();
  const fit = logisticRegression({ tolerance: 1e-14 }).fit(matrix, Uint8Array.from(models.binary), {
    seed: 1,
    onRound: ({ round }) => round === 2 && controller.abort(),
    signal: controller.signal,
  });
  await expect(fit).rejects.toMatchObject({ code: 'CANCELLED', reason: 'TRAINING_CANCELLED' });
});
