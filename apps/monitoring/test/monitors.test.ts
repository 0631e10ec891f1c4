import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { at, monitor, type Rig, startRig, WORKSPACE } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

test('creating is idempotent by request and by content', async () => {
  const first = await rig.monitoring.createMonitor({ monitor: monitor('twice'), requestId: 'r1' });
  expect(first.monitor).toMatchObject({ name: `${WORKSPACE}/monitors/twice`, rowsMin: 100n });
  expect(first.monitor?.etag).not.toBe('');
  expect(await rig.monitoring.createMonitor({ monitor: monitor('twice'), requestId: 'r1' })).toEqual(first);
  expect(await rig.monitoring.createMonitor({ monitor: monitor('twice') })).toEqual(first);
  await expect(rig.monitoring.createMonitor({ monitor: monitor('twice', { rowsMin: 7n }) })).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'MONITOR_EXISTS',
  });
  const { monitor: got } = await rig.monitoring.getMonitor({ name: `${WORKSPACE}/monitors/twice` });
  expect(got).toEqual(first.monitor);
});

test('updating takes the masked fields, checks the etag, and creates where asked to', async () => {
  const { monitor: made } = await rig.monitoring.createMonitor({ monitor: monitor('changed', { description: 'old' }) });
  const change = monitor('changed', { description: 'new', rowsMin: 9n, etag: made?.etag ?? '' });
  const { monitor: next } = await rig.monitoring.updateMonitor({
    monitor: change,
    updateMask: { paths: ['rows_min'] },
  });
  expect(next).toMatchObject({ description: 'old', rowsMin: 9n });
  expect(next?.etag).not.toBe(made?.etag);
  await expect(rig.monitoring.updateMonitor({ monitor: change })).rejects.toMatchObject({
    code: 'ABORTED',
    reason: 'ETAG_MISMATCH',
  });
  // Without a change there is no new etag.
  const { monitor: same } = await rig.monitoring.updateMonitor({
    monitor: { ...change, etag: '' },
    updateMask: { paths: ['rows_min'] },
  });
  expect(same?.etag).toBe(next?.etag);
  await expect(
    rig.monitoring.updateMonitor({ monitor: { ...change, etag: '' }, updateMask: { paths: ['name'] } }),
  ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'FIELD_MASK_INVALID' });
  await expect(rig.monitoring.updateMonitor({ monitor: monitor('absent') })).rejects.toMatchObject({
    reason: 'MONITOR_NOT_FOUND',
  });
  const { monitor: upserted } = await rig.monitoring.updateMonitor({ monitor: monitor('absent'), allowMissing: true });
  expect(upserted?.name).toBe(`${WORKSPACE}/monitors/absent`);
});

test('everything that is wrong is told at once, and nothing is stored', async () => {
  const bad = monitor('bad', {
    window: { seconds: -5n },
    drift: { threshold: 0, driftedShare: 2 },
    performance: {
      labelledShareMin: 1.5,
      bounds: [{ metric: 'auc', minValue: 0.7 }, { metric: 'auc' }, { metric: 'f7', minValue: 1 }],
    },
  });
  await expect(rig.monitoring.createMonitor({ monitor: bad })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'MONITOR_INVALID',
    violations: [
      { field: 'monitor.window' },
      { field: 'monitor.drift.threshold' },
      { field: 'monitor.drift.drifted_share' },
      { field: 'monitor.performance.labelled_share_min' },
      { field: 'monitor.performance.bounds[1].metric', reason: 'DUPLICATE_METRIC' },
      { field: 'monitor.performance.bounds[1]', reason: 'BOUND_EMPTY' },
      { field: 'monitor.performance.bounds[2].metric', reason: 'UNKNOWN_METRIC' },
    ],
  });
  await expect(rig.monitoring.getMonitor({ name: bad.name ?? '' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(
    rig.monitoring.createMonitor({ monitor: monitor('bad', { endpoint: 'workspaces/other/endpoints/x' }) }),
  ).rejects.toMatchObject({ violations: [{ field: 'monitor.endpoint', reason: 'OTHER_WORKSPACE' }] });
});

test('pages follow each other by name', async () => {
  for (const id of ['page-a', 'page-b', 'page-c']) await rig.monitoring.createMonitor({ monitor: monitor(id) });
  const found: string[] = [];
  let pageToken = '';
  do {
    const page = await rig.monitoring.listMonitors({ parent: WORKSPACE, pageSize: 2, pageToken });
    found.push(...page.monitors.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken);
  expect(found).toEqual([...found].sort());
  expect(new Set(found).size).toBe(found.length);
  expect(found).toEqual(expect.arrayContaining(['a', 'b', 'c'].map((id) => `${WORKSPACE}/monitors/page-${id}`)));
});

test('runs ask for a monitor, an endpoint and a sound window', async () => {
  const windowStart = timestampFromDate(at(0));
  const runOf = (name: string, windowEnd?: Date) =>
    rig.monitoring.createMonitorRun({
      monitor: `${WORKSPACE}/monitors/${name}`,
      windowStart,
      ...(windowEnd && { windowEnd: timestampFromDate(windowEnd) }),
    });
  await expect(runOf('nothing')).rejects.toMatchObject({ reason: 'MONITOR_NOT_FOUND' });
  await rig.monitoring.createMonitor({ monitor: monitor('lost', { endpoint: `${WORKSPACE}/endpoints/nowhere` }) });
  await expect(runOf('lost')).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'ENDPOINT_NOT_FOUND' });
  await rig.monitoring.createMonitor({ monitor: monitor('sound') });
  await expect(runOf('sound', at(0))).rejects.toMatchObject({ violations: [{ field: 'window_end' }] });
  await expect(runOf('sound', at(24 * 400))).rejects.toMatchObject({ reason: 'WINDOW_INVALID' });
  await expect(rig.monitoring.getMonitorRun({ name: `${WORKSPACE}/monitorRuns/none` })).rejects.toMatchObject({
    reason: 'MONITOR_RUN_NOT_FOUND',
  });
  await expect(rig.monitoring.getAlert({ name: `${WORKSPACE}/alerts/none` })).rejects.toMatchObject({
    reason: 'ALERT_NOT_FOUND',
  });
});
