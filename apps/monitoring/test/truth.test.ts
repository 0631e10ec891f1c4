import { readFileSync } from 'node:fs';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { at, drawRows, ENDPOINT, monitor, type Rig, startRig, V1, V2 } from './rig.ts';

interface Reference {
  readonly binary: {
    readonly labels: readonly number[];
    readonly probabilities: readonly number[];
    readonly auc: number;
    readonly log_loss: number;
    readonly brier: number;
    readonly accuracy: number;
    readonly auc_deviation: number;
  };
  readonly regression: {
    readonly labels: readonly number[];
    readonly values: readonly number[];
    readonly rmse: number;
    readonly mae: number;
  };
}
const reference: Reference = JSON.parse(readFileSync(new URL('./fixtures/reference.json', import.meta.url), 'utf8'));

let rig: Rig;
const rng = createRng(11);

beforeAll(async () => {
  rig = await startRig();
  const training = drawRows(rng, 2000, { prefix: 'train', startHour: -1000, hours: 500 });
  await rig.register(V1, training, { auc: 0.85, log_loss: 0.64, brier: 0.17 });
  await rig.register(V2, training, { rmse: 1.4 }, 'value');
});
afterAll(() => rig?.stop());

/** Rows of a window whose predictions are given. */
function rowsOf(predictions: readonly number[], prefix: string, startHour: number, version: string) {
  return drawRows(rng, predictions.length, { prefix, startHour, hours: 24, version }).map((row, i) => ({
    ...row,
    prediction: predictions[i] as number,
  }));
}

const record = async (truths: { predictionId: string; label: number; hour?: number }[], endpoint = ENDPOINT) => {
  const { recorded } = await rig.monitoring.recordGroundTruth({
    endpoint,
    groundTruths: truths.map(({ predictionId, label, hour }) => ({
      predictionId,
      label,
      ...(hour !== undefined && { availableTime: timestampFromDate(at(hour)) }),
    })),
  });
  return Number(recorded);
};

const performanceOf = async (startHour: number) => {
  const span = { startTime: timestampFromDate(at(startHour)), endTime: timestampFromDate(at(startHour + 24)) };
  return (await rig.monitoring.getPerformance({ endpoint: ENDPOINT, ...span })).reports[0];
};

test('metrics are those of scikit-learn, and bounds are held against them', async () => {
  const { labels, probabilities, ...known } = reference.binary;
  const rows = rowsOf(probabilities, 'binary', 0, V1);
  rig.files.push(await rig.writeLog(rows));
  await record(rows.map(({ id }, i) => ({ predictionId: id, label: labels[i] as number })));
  const bounds = [
    { metric: 'auc', minValue: 0.8, worseByMax: 0.02 }, // 0.822 is worse than 0.85 by 0.028
    { metric: 'log_loss', maxValue: 0.66, worseByMax: 0.02 }, // 0.650 against 0.64: holds
    { metric: 'brier', maxValue: 0.18 }, // 0.1803 is above
    { metric: 'label_rate', worseByMax: 0.1 }, // no reference
    { metric: 'rmse', maxValue: 1 }, // not a metric of this task
  ];
  const { monitor: made } = await rig.monitoring.createMonitor({
    monitor: monitor('bounds', { performance: { bounds } }),
  });
  const run = await rig.judge(made?.name ?? '', at(0), at(24));
  const found = run.reports[0]?.performance;
  // The log keeps float32, hence the seven digits.
  for (const name of ['auc', 'log_loss', 'brier', 'accuracy'] as const)
    expect(found?.metrics[name]).toBeCloseTo(known[name], 6);
  expect(found?.metrics.label_rate).toBeCloseTo(labels.reduce((a, b) => a + b) / labels.length, 12);
  expect(found?.brokenBounds).toEqual(['auc', 'brier']);
  expect(run.reports[0]?.notes).toEqual([
    expect.stringContaining('label_rate was not compared'),
    expect.stringContaining('The bound of rmse was not judged'),
  ]);
  // The calibration curve and the expected error by hand, on the float32 values that the log keeps.
  const bins = Array.from({ length: 10 }, (_, k) => {
    const low = k / 10;
    return rows.flatMap(({ prediction }, i) => {
      const p = Math.fround(prediction);
      return (p > low || k === 0) && p <= (k + 1) / 10 ? [{ p, y: labels[i] as number }] : [];
    });
  }).filter((bin) => bin.length > 0);
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const curve = bins.map((bin) => [mean(bin.map(({ p }) => p)), mean(bin.map(({ y }) => y)), bin.length]);
  const close = (values: (number | undefined)[]) => values.map((value) => expect.closeTo(value as number, 9));
  expect(found?.calibration.map((bin) => [bin.predicted, bin.observed, Number(bin.rows)])).toEqual(curve.map(close));
  const error = curve.reduce((sum, [p = 0, y = 0, n = 0]) => sum + (Math.abs(p - y) * n) / labels.length, 0);
  expect(found?.metrics.ece).toBeCloseTo(error, 9);
  // 3.92 deviations wide, by scikit-learn's own bootstrap.
  const { lower = 0, upper = 0 } = found?.intervals.auc ?? {};
  expect((upper - lower) / (3.92 * known.auc_deviation)).toBeCloseTo(1, 0);
  expect(lower < known.auc && known.auc < upper).toBe(true);
  const { alerts } = await rig.monitoring.listAlerts({ parent: 'workspaces/default' });
  expect(alerts).toHaveLength(1);
  expect(alerts[0]?.message).toContain('auc is 0.822, by 0.02803 worse than 0.85 on the test rows (at most 0.02)');
  expect(alerts[0]?.figures).toMatchObject({ auc_reference: 0.85, brier_bound: 0.18 });
  expect(alerts[0]?.figures.auc).toBeCloseTo(known.auc, 6);
});

test('a regression has its own metrics', async () => {
  const { labels, values, rmse, mae } = reference.regression;
  const rows = rowsOf(values, 'regression', 24, V2);
  rig.files.push(await rig.writeLog(rows));
  await record(rows.map(({ id }, i) => ({ predictionId: id, label: labels[i] as number })));
  const report = await performanceOf(24);
  expect(Object.keys(report?.performance?.metrics ?? {}).sort()).toEqual(['mae', 'rmse']);
  expect(report?.performance?.metrics.rmse).toBeCloseTo(rmse, 5);
  expect(report?.performance?.metrics.mae).toBeCloseTo(mae, 5);
  expect(report?.performance?.referenceMetrics).toEqual({ rmse: 1.4 });
});

test('labels come late, out of order and twice; the newest counts', async () => {
  const rows = rowsOf([0.2, 0.8, 0.6, 0.4], 'late', 48, V1);
  rig.files.push(await rig.writeLog(rows));
  const [a, b, c] = rows.map(({ id }) => id) as [string, string, string, string];
  expect((await performanceOf(48))?.notes[0]).toContain('the truth of 0 of 4 predictions is known');
  expect(await record([{ predictionId: a, label: 1, hour: 60 }])).toBe(1);
  // Again, older, and both within one call in any order: nothing new.
  expect(await record([{ predictionId: a, label: 1, hour: 60 }])).toBe(0);
  expect(await record([{ predictionId: a, label: 0, hour: 59 }])).toBe(0);
  expect(
    await record([
      { predictionId: b, label: 0, hour: 62 },
      { predictionId: b, label: 1, hour: 61 },
      { predictionId: c, label: 0, hour: 61 },
      { predictionId: c, label: 1, hour: 62 },
    ]),
  ).toBe(2);
  // Truth: a = 1, b = 0, c = 1.
  const brier = ((1 - 0.2) ** 2 + 0.8 ** 2 + (1 - 0.6) ** 2) / 3;
  const report = await performanceOf(48);
  expect(report).toMatchObject({ rows: 4n, labelledRows: 3n });
  expect(report?.performance?.metrics.brier).toBeCloseTo(brier, 6);
  // A correction that is newer replaces the label.
  expect(await record([{ predictionId: a, label: 0, hour: 70 }])).toBe(1);
  expect((await performanceOf(48))?.performance?.metrics.brier).toBeCloseTo((0.2 ** 2 + 0.8 ** 2 + 0.4 ** 2) / 3, 6);
});

test('too few labels are told and not judged', async () => {
  const rows = rowsOf(new Array(200).fill(0.5), 'partly', 72, V1);
  rig.files.push(await rig.writeLog(rows));
  await record(rows.slice(0, 100).map(({ id }) => ({ predictionId: id, label: 1 })));
  const { monitor: made } = await rig.monitoring.createMonitor({ monitor: monitor('partly') });
  const [report] = (await rig.judge(made?.name ?? '', at(72), at(96))).reports;
  expect(report?.performance).toBeUndefined();
  expect(report?.notes.join()).toContain('the truth of 100 of 200 predictions is known (50.0 %), at least 80 %');
  // One class only has no AUC.
  expect((await performanceOf(72))?.notes).toContain('auc has no value: all known labels are the same.');
});

test('ten thousand labels are recorded at once', async () => {
  const truths = Array.from({ length: 10_000 }, (_, i) => ({ predictionId: `bulk-${i}`, label: i % 2, hour: i % 24 }));
  expect(await record(truths)).toBe(10_000);
  expect(await record(truths)).toBe(0);
});

test('bad labels and unknown endpoints change nothing', async () => {
  const groundTruths = [
    { predictionId: 'x', label: Number.NaN },
    { predictionId: 'y', label: 1 },
    { predictionId: 'z', label: Number.POSITIVE_INFINITY },
  ];
  await expect(rig.monitoring.recordGroundTruth({ endpoint: ENDPOINT, groundTruths })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    violations: [{ field: 'ground_truths[0].label' }, { field: 'ground_truths[2].label' }],
  });
  expect(await record([{ predictionId: 'y', label: 1 }])).toBe(1);
  await expect(record([{ predictionId: 'y', label: 1 }], 'workspaces/default/endpoints/nowhere')).rejects.toMatchObject(
    { code: 'NOT_FOUND', reason: 'ENDPOINT_NOT_FOUND' },
  );
  await expect(
    rig.monitoring.getPerformance({ endpoint: 'workspaces/default/endpoints/nowhere' }),
  ).rejects.toMatchObject({ reason: 'ENDPOINT_NOT_FOUND' });
});
