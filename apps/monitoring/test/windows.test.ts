import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { waitFor } from '@millrace/testing';
import {
  at,
  drawLabels,
  drawRows,
  ENDPOINT,
  monitor,
  type Rig,
  startFakeServing,
  startRig,
  V1,
  V2,
  WORKSPACE,
} from './rig.ts';

let rig: Rig;
const rng = createRng(7);
const training = drawRows(rng, 5000, { prefix: 'train', startHour: -1000, hours: 500 });

beforeAll(async () => {
  rig = await startRig();
  await rig.register(V1, training, { auc: 0.75, log_loss: 0.5, positive_rate: 0.25 });
  const same = drawRows(rng, 3000, { prefix: 'same', startHour: 0, hours: 24 });
  const moved = drawRows(rng, 3000, { prefix: 'moved', startHour: 24, hours: 24 }).map((row, i) => ({
    ...row,
    distance: i % 2 === 0 ? null : (row.distance ?? 0) + 800,
  }));
  const few = drawRows(rng, 60, { prefix: 'few', startHour: 48, hours: 24 });
  const stray = drawRows(rng, 400, { prefix: 'stray', startHour: 72, hours: 24, version: V2 });
  for (const rows of [same, moved, few, stray]) rig.files.push(await rig.writeLog(rows));
  await rig.monitoring.recordGroundTruth({ endpoint: ENDPOINT, groundTruths: drawLabels(same, 1) });
});
afterAll(() => rig?.stop());

async function created(id: string, rest: Parameters<typeof monitor>[1] = {}): Promise<string> {
  const { monitor: made } = await rig.monitoring.createMonitor({ monitor: monitor(id, rest) });
  return made?.name ?? '';
}

test('the same distribution has not drifted', async () => {
  const run = await rig.judge(await created('calm'), at(0), at(24));
  const [report] = run.reports;
  expect(report).toMatchObject({ modelVersion: V1, rows: 3000n, labelledRows: 3000n });
  expect(report?.drift?.columns.map(({ column }) => column)).toEqual(['distance', 'late_rate', 'origin', 'prediction']);
  expect(report?.drift?.columns.filter(({ drifted }) => drifted)).toEqual([]);
  expect(report?.performance?.referenceMetrics).toEqual({ auc: 0.75, log_loss: 0.5, label_rate: 0.25 });
  expect(run.alerts).toEqual([]);
});

test('a shifted column has drifted, and missing values are told', async () => {
  const name = await created('shifted');
  const [report] = (await rig.judge(name, at(24), at(48))).reports;
  const [distance, ...others] = report?.drift?.columns ?? [];
  // 800 miles of a uniform distribution over 1,900: 800 / (1900 / √12) deviations, beside the sample's own noise.
  expect(distance).toMatchObject({
    column: 'distance',
    method: 'wasserstein_normalised',
    threshold: 0.1,
    drifted: true,
  });
  expect(distance?.value).toBeCloseTo(800 / (1900 / Math.sqrt(12)), 1);
  expect(distance?.distances.wasserstein_normalised).toBe(distance?.value);
  expect(distance?.nullShareChange).toBeCloseTo(0.5, 10);
  expect(others.some(({ drifted }) => drifted)).toBe(false);
  expect(report?.drift).toMatchObject({ driftedShare: 0.25, drifted: false });
  expect(report?.notes.join()).toContain('Missing values of distance went from 0 % to 50 %');
});

test.each([
  ['psi', 'psi', 'psi'],
  ['jensenshannon', 'jensenshannon', 'jensenshannon'],
  ['ks', 'ks', 'jensenshannon'],
  ['wasserstein', 'wasserstein_normalised', 'jensenshannon'],
])('method %s decides numbers by %s and texts by %s', async (method, ofNumbers, ofTexts) => {
  const drift = { method, threshold: 0.2, thresholdByColumn: { prediction: 0.3 }, ignoreColumns: ['late_rate'] };
  const name = await created(`method-${method}`, { drift });
  const [report] = (await rig.judge(name, at(0), at(24))).reports;
  const columns = Object.fromEntries((report?.drift?.columns ?? []).map((column) => [column.column, column]));
  expect(Object.keys(columns)).toEqual(['distance', 'origin', 'prediction']);
  expect(columns.distance).toMatchObject({ method: ofNumbers, threshold: 0.2 });
  expect(columns.origin).toMatchObject({ method: ofTexts, threshold: 0.2 });
  expect(columns.prediction).toMatchObject({ method: ofNumbers, threshold: 0.3 });
});

test('windows with few rows, without rows and of an unknown version say why they were not judged', async () => {
  const name = await created('sparse');
  const [few] = (await rig.judge(name, at(48), at(72))).reports;
  expect(few).toMatchObject({ rows: 60n, modelVersion: V1 });
  expect(few?.drift).toBeUndefined();
  expect(few?.notes).toEqual([expect.stringContaining('60 predictions are fewer than the 100')]);

  const empty = await rig.judge(name, at(1000), at(1024));
  expect(empty.reports).toEqual([]);
  expect(empty.execution?.message).toBe('The window has no predictions.');

  const [stray] = (await rig.judge(name, at(72), at(96))).reports;
  expect(stray).toMatchObject({ rows: 400n, modelVersion: V2 });
  expect(stray?.notes[0]).toContain('The registry does not have');
});

test('windows include their start and exclude their end; the newest request of an id counts', async () => {
  const rows = drawRows(rng, 200, { prefix: 'edge', startHour: 200, hours: 2 });
  const [first, last] = [rows[0] as (typeof rows)[0], rows[100] as (typeof rows)[0]];
  const again = { ...first, prediction: 0.9, requestTime: new Date(first.eventTime.getTime() + 5000) };
  rig.files.push(await rig.writeLog([again]), await rig.writeLog(rows));
  await rig.monitoring.recordGroundTruth({ endpoint: ENDPOINT, groundTruths: [{ predictionId: first.id, label: 1 }] });
  const { reports } = await rig.monitoring.getPerformance({
    endpoint: ENDPOINT,
    startTime: timestampFromDate(first.eventTime),
    endTime: timestampFromDate(last.eventTime),
  });
  expect(reports).toHaveLength(1);
  expect(reports[0]).toMatchObject({ rows: 100n, labelledRows: 1n });
  // One row: the brier score is the square of its error, here of the newest prediction.
  expect(reports[0]?.performance?.metrics.brier).toBeCloseTo((1 - Math.fround(0.9)) ** 2, 12);
});

test('judging a window again replaces its report', async () => {
  const name = await created('again');
  const first = await rig.judge(name, at(0), at(24));
  await rig.judge(name, at(24), at(48));
  const second = await rig.judge(name, at(0), at(24));
  expect(second.name).not.toBe(first.name);
  expect(second.reports).toEqual(first.reports);
  const { monitorRuns } = await rig.monitoring.getDriftReport({ monitor: name, windowsMax: 10 });
  expect(monitorRuns.map((run) => run.windowStart)).toEqual([timestampFromDate(at(24)), timestampFromDate(at(0))]);
  expect(monitorRuns[1]?.name).toBe(second.name);
  const newest = await rig.monitoring.getDriftReport({ monitor: name });
  expect(newest.monitorRuns).toHaveLength(1);
  const listed = await rig.monitoring.listMonitorRuns({ parent: WORKSPACE, monitor: name, pageSize: 2 });
  expect(listed.monitorRuns[0]?.name).toBe(second.name);
  const rest = await rig.monitoring.listMonitorRuns({
    parent: WORKSPACE,
    monitor: name,
    pageToken: listed.nextPageToken,
  });
  expect(rest.monitorRuns.map((run) => run.name)).toEqual([first.name]);
});

test('a request sent again starts one run', async () => {
  const name = await created('once');
  const request = { monitor: name, windowStart: timestampFromDate(at(0)), requestId: 'r-1' };
  const { monitorRun: first } = await rig.monitoring.createMonitorRun(request);
  const { monitorRun: second } = await rig.monitoring.createMonitorRun(request);
  expect(second?.name).toBe(first?.name);
  expect(first?.windowEnd).toEqual(timestampFromDate(at(24)));
});

test('files of events are known without serving', async () => {
  const serving = await startFakeServing(rig.test.platform);
  const rows = drawRows(rng, 150, { prefix: 'event', startHour: 300, hours: 24 });
  const database = rig.test.platform.database('monitoring');
  const file = await rig.writeLog(rows);
  await serving.publish(file);
  await waitFor(async () => {
    const found = await database.query('select 1 from log_files where digest = $1', [file.digest]);
    return found.length === 1;
  });
  await serving.stop();
  const [report] = (await rig.judge(await created('by-event'), at(300), at(324))).reports;
  expect(report?.rows).toBe(150n);
});

test('a restart in the middle of a run goes on with it', async () => {
  const name = await created('restart');
  const arrived = Promise.withResolvers<void>();
  const blocked = Promise.withResolvers<void>();
  await rig.register(V2, training, { auc: 0.7 });
  rig.hooks.onVersion = () => {
    arrived.resolve();
    return blocked.promise;
  };
  const { monitorRun } = await rig.monitoring.createMonitorRun({
    monitor: name,
    windowStart: timestampFromDate(at(72)),
  });
  await arrived.promise;
  rig.hooks.onVersion = async () => {};
  const restarted = rig.test.restart();
  blocked.resolve();
  await restarted;
  await waitFor(
    async () => {
      const { monitorRun: run } = await rig.monitoring.getMonitorRun({ name: monitorRun?.name ?? '' });
      return run?.reports.length === 1;
    },
    { timeoutMs: 20_000 },
  );
  const { monitorRuns } = await rig.monitoring.getDriftReport({ monitor: name, windowsMax: 5 });
  expect(monitorRuns).toHaveLength(1);
  expect(monitorRuns[0]?.reports[0]).toMatchObject({ modelVersion: V2, rows: 400n });
}, 30_000);
