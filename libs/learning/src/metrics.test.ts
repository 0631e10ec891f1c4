import { expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { bootstrapDifference, bootstrapMetric } from './bootstrap.ts';
import { calibration } from './calibration.ts';
import {
  areaUnderRoc,
  brierScore,
  logLoss,
  meanAbsoluteError,
  rocCurve,
  rootMeanSquaredError,
  rSquared,
  thresholdMetrics,
} from './metrics.ts';
import { reference } from './reference.ts';

const { binary, regression } = reference;
const labels = Uint8Array.from(binary.labels);
const probabilities = Float64Array.from(binary.probabilities);
const other = Float64Array.from(binary.other);

test('binary metrics are scikit-learn’s', () => {
  expect(areaUnderRoc(labels, probabilities)).toBeCloseTo(binary.auc, 12);
  expect(areaUnderRoc(labels, other)).toBeCloseTo(binary.auc_other, 12);
  expect(logLoss(labels, probabilities)).toBeCloseTo(binary.log_loss, 9);
  expect(brierScore(labels, probabilities)).toBeCloseTo(binary.brier, 12);
  const at = thresholdMetrics(labels, probabilities);
  expect(at.accuracy).toBeCloseTo(binary.accuracy, 12);
  expect(at.precision).toBeCloseTo(binary.precision, 12);
  expect(at.recall).toBeCloseTo(binary.recall, 12);
  expect(at.f1).toBeCloseTo(binary.f1, 12);
});

test('regression metrics are scikit-learn’s', () => {
  const y = Float64Array.from(regression.labels);
  const p = Float64Array.from(regression.values);
  expect(rootMeanSquaredError(y, p)).toBeCloseTo(regression.rmse, 12);
  expect(meanAbsoluteError(y, p)).toBeCloseTo(regression.mae, 12);
  expect(rSquared(y, p)).toBeCloseTo(regression.r2, 12);
});

test('the calibration table is scikit-learn’s calibration_curve, bin edges included', () => {
  const { bins, expectedError } = calibration(labels, probabilities);
  expect(bins.length).toBe(binary.calibration.observed.length);
  for (const [k, bin] of bins.entries()) {
    expect(bin.observed).toBeCloseTo(binary.calibration.observed[k]!, 12);
    expect(bin.meanProbability).toBeCloseTo(binary.calibration.predicted[k]!, 12);
  }
  const weighted = bins.reduce((sum, bin) => sum + bin.rows * Math.abs(bin.observed - bin.meanProbability), 0);
  expect(expectedError).toBeCloseTo(weighted / labels.length, 12);
});

test('the ROC curve is scikit-learn’s, and bounded', () => {
  const points = rocCurve(labels, probabilities, 10_000);
  expect(points.length).toBe(binary.roc.fpr.length);
  for (const [k, point] of points.entries()) {
    expect(point.falsePositiveRate).toBeCloseTo(binary.roc.fpr[k]!, 12);
    expect(point.truePositiveRate).toBeCloseTo(binary.roc.tpr[k]!, 12);
    if (k > 0) expect(point.threshold).toBe(binary.roc.thresholds[k - 1]);
  }
  const few = rocCurve(labels, probabilities, 12);
  expect(few.length).toBeLessThanOrEqual(12);
  expect(few.at(-1)).toMatchObject({ falsePositiveRate: 1, truePositiveRate: 1 });
});

test('AUC of one label only is not a number; labels and predictions must match', () => {
  expect(areaUnderRoc(Uint8Array.of(1, 1), Float64Array.of(0.1, 0.2))).toBeNaN();
  expect(() => logLoss(Uint8Array.of(1), new Float64Array(2))).toThrow(
    expect.objectContaining({ reason: 'METRIC_INPUT_INVALID' }),
  );
});

test('the bootstrap’s spread is that of DeLong’s formula, and repeats by its seed', () => {
  const options = { seed: 5, replicates: 1500 };
  const auc = bootstrapMetric('auc', labels, probabilities, options);
  expect(auc.value).toBeCloseTo(binary.auc, 12);
  expect(auc.standardError / binary.auc_deviation).toBeGreaterThan(0.93);
  expect(auc.standardError / binary.auc_deviation).toBeLessThan(1.07);
  expect((auc.high - auc.low) / (2 * 1.96 * binary.auc_deviation)).toBeCloseTo(1, 0);
  const difference = bootstrapDifference('auc', labels, probabilities, other, options);
  expect(difference.value).toBeCloseTo(binary.auc - binary.auc_other, 12);
  expect(difference.standardError / binary.difference_deviation).toBeGreaterThan(0.9);
  expect(difference.standardError / binary.difference_deviation).toBeLessThan(1.1);
  expect(bootstrapMetric('auc', labels, probabilities, options)).toEqual(auc);
  expect(bootstrapMetric('auc', labels, probabilities, { ...options, seed: 6 }).low).not.toBe(auc.low);
});

test.each(['log_loss', 'accuracy', 'rmse'] as const)(
  'drawing %s in cells gives the spread that theory gives',
  (metric) => {
    const rng = createRng(11);
    const rows = 8000;
    const y = Uint8Array.from({ length: rows }, () => rng.nextInt(2));
    const good = Float64Array.from(y, (label) => 0.2 + 0.5 * label * rng.next() + 0.2 * rng.next());
    const bad = good.map((p) => Math.min(0.99, p + 0.3 * rng.next()));
    const loss = (p: Float64Array) =>
      Float64Array.from(y, (label, i) => {
        if (metric === 'log_loss') return -Math.log(label === 1 ? p[i]! : 1 - p[i]!);
        return metric === 'accuracy' ? Number(p[i]! > 0.5 === (label === 1)) : (p[i]! - label) ** 2;
      });
    const deviation = (x: Float64Array) => {
      const mean = x.reduce((a, b) => a + b, 0) / rows;
      return { mean, sd: Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / rows / rows) };
    };
    const one = deviation(loss(good));
    const single = bootstrapMetric(metric, y, good, { seed: 1, replicates: 400 });
    const slope = metric === 'rmse' ? 1 / (2 * Math.sqrt(one.mean)) : 1;
    expect(single.standardError / (one.sd * slope)).toBeGreaterThan(0.88);
    expect(single.standardError / (one.sd * slope)).toBeLessThan(1.1);
    if (metric === 'rmse') return;
    const [a, b] = [loss(good), loss(bad)];
    const paired = deviation(a.map((x, i) => x - b[i]!));
    const difference = bootstrapDifference(metric, y, good, bad, { seed: 1, replicates: 400 });
    expect(difference.value).toBeCloseTo(paired.mean, 12);
    expect(difference.standardError / paired.sd).toBeGreaterThan(0.9);
    expect(difference.standardError / paired.sd).toBeLessThan(1.1);
  },
);

test('the AUC drawn in score buckets has the spread of the same rows drawn one by one', () => {
  const rng = createRng(3);
  const make = (rows: number) => {
    const y = Uint8Array.from({ length: rows }, () => rng.nextInt(2));
    const good = Float64Array.from(y, (label) => label * 0.3 + rng.next());
    return { y, good, bad: good.map((s) => s + 0.5 * rng.next()) };
  };
  const small = make(4000);
  const large = make(36_000);
  const ratio = (f: (d: typeof small) => { standardError: number }) =>
    (3 * f(large).standardError) / f(small).standardError;
  const options = { seed: 1, replicates: 300 };
  const single = ratio(({ y, good }) => bootstrapMetric('auc', y, good, options));
  const paired = ratio(({ y, good, bad }) => bootstrapDifference('auc', y, good, bad, options));
  for (const r of [single, paired]) {
    expect(r).toBeGreaterThan(0.85);
    expect(r).toBeLessThan(1.15);
  }
  const few = { seed: 1, replicates: 50 };
  expect(bootstrapDifference('auc', large.y, large.good, large.bad, few).confidenceBetter).toBe(1);
  expect(bootstrapDifference('auc', large.y, large.bad, large.good, few).confidenceBetter).toBe(0);
});
