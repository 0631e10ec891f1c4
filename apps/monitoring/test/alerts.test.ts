import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AlertState } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import { AlertRaisedSchema, DriftDetectedSchema } from '@millrace/contracts/millrace/monitoring/v1/monitoring_events';
import { decodeEvent, eventsMigrations, type ReceivedEvent, type Running } from '@millrace/events';
import { createRng } from '@millrace/kernel';
import { migrate } from '@millrace/postgres';
import { waitFor } from '@millrace/testing';
import { at, drawRows, ENDPOINT, monitor, type Rig, startRig, V1, V2, WORKSPACE } from './rig.ts';

let rig: Rig;
let listener: Running;
const heard: ReceivedEvent[] = [];
const rng = createRng(23);

/** Days by number: 0 calm, 1 and 2 shifted, 3 calm, 4 shifted, 5 of the second version. */
const SHIFTS = [0, 1, 1, 0, 1, 0];

beforeAll(async () => {
  rig = await startRig();
  const training = drawRows(rng, 5000, { prefix: 'train', startHour: -1000, hours: 500 });
  await rig.register(V1, training, { auc: 0.75 });
  await rig.register(V2, training, { auc: 0.75 });
  for (const [day, shift] of SHIFTS.entries()) {
    const version = day === 5 ? V2 : V1;
    const rows = drawRows(rng, 500, { prefix: `day${day}`, startHour: day * 24, hours: 24, shift, version });
    rig.files.push(await rig.writeLog(rows));
  }
  const database = rig.test.platform.database('listener');
  await migrate(database, [eventsMigrations]);
  listener = await rig.test.platform.bus.consume({
    name: 'test.alerts',
    database,
    subjects: ['millrace.monitoring.v1.>'],
    handler: async (event) => void heard.push(event),
  });
});
afterAll(async () => {
  await listener?.stop();
  await rig?.stop();
});

const judgeDay = (name: string, day: number) => rig.judge(name, at(day * 24), at(day * 24 + 24));

const verbsOf = (name: string) =>
  heard
    .filter(({ resource }) => resource === name)
    .map(({ subject }) => subject.replace('millrace.monitoring.v1.', ''));

const alertsOf = async (name: string) => {
  const { alerts } = await rig.monitoring.listAlerts({ parent: WORKSPACE, pageSize: 1000 });
  return alerts.filter((alert) => alert.monitor === name).reverse();
};

const created = async (id: string) =>
  (await rig.monitoring.createMonitor({ monitor: monitor(id) })).monitor?.name ?? '';

test('an alert opens once, is acknowledged, and resolves by the next window within bounds', async () => {
  const name = await created('story');
  expect((await judgeDay(name, 0)).alerts).toEqual([]);
  const first = await judgeDay(name, 1);
  const [alert] = await alertsOf(name);
  expect(first.alerts).toEqual([alert?.name]);
  expect(alert).toMatchObject({ kind: 'DRIFT', state: AlertState.OPEN, modelVersion: V1, monitorRun: first.name });
  expect(alert?.endpoint).toBe(ENDPOINT);
  expect(alert?.message).toMatch(
    /^3 of 4 columns \(75 %, bound 50 %\) have drifted from the training rows of .*versions\/1: /,
  );
  expect(Object.keys(alert?.figures ?? {}).sort()).toEqual(['distance', 'drifted_share', 'late_rate', 'prediction']);

  const second = await judgeDay(name, 2);
  expect(second.alerts).toEqual([alert?.name]);
  const request = { name: alert?.name ?? '', actor: 'ada' };
  const { alert: seen } = await rig.monitoring.acknowledgeAlert(request);
  expect(seen).toMatchObject({ state: AlertState.ACKNOWLEDGED, acknowledgedBy: 'ada' });
  const { alert: again } = await rig.monitoring.acknowledgeAlert({ ...request, actor: 'bob' });
  expect(again?.acknowledgedBy).toBe('ada');
  // The calm window before it does not resolve it, when judged again.
  await judgeDay(name, 0);
  expect((await alertsOf(name))[0]?.state).toBe(AlertState.ACKNOWLEDGED);

  await judgeDay(name, 3);
  const { alert: over } = await rig.monitoring.getAlert({ name: alert?.name ?? '' });
  expect(over).toMatchObject({ state: AlertState.RESOLVED, acknowledgedBy: 'ada' });
  expect(over?.resolveTime).toBeDefined();
  // A shifted window from before, judged again, is history and opens nothing.
  await judgeDay(name, 1);
  expect(await alertsOf(name)).toHaveLength(1);

  const verbs = ['drift.detected', 'alert.raised', 'drift.detected', 'alert.resolved', 'drift.detected'];
  await waitFor(() => verbsOf(name).length >= verbs.length);
  expect(verbsOf(name)).toEqual(verbs);
  const [detected, raised] = heard.filter(({ resource }) => resource === name) as [ReceivedEvent, ReceivedEvent];
  expect(decodeEvent(DriftDetectedSchema, detected).columns).toEqual(['distance', 'late_rate', 'prediction']);
  expect(decodeEvent(AlertRaisedSchema, raised).alert?.name).toBe(alert?.name);
});

test('the first judged window of a successor resolves the alert of the version before', async () => {
  const name = await created('successor');
  await judgeDay(name, 4);
  expect((await alertsOf(name)).map(({ state }) => state)).toEqual([AlertState.OPEN]);
  await judgeDay(name, 5);
  expect((await alertsOf(name)).map(({ state }) => state)).toEqual([AlertState.RESOLVED]);
});

test('alerts of a deleted monitor are resolved; states filter the list', async () => {
  const name = await created('deleted');
  await judgeDay(name, 4);
  const { alerts } = await rig.monitoring.listAlerts({ parent: WORKSPACE, state: AlertState.OPEN });
  expect(alerts.map((alert) => alert.monitor)).toEqual([name]);
  await rig.monitoring.deleteMonitor({ name });
  expect((await rig.monitoring.listAlerts({ parent: WORKSPACE, state: AlertState.OPEN })).alerts).toEqual([]);
  await expect(rig.monitoring.getDriftReport({ monitor: name })).rejects.toMatchObject({ reason: 'MONITOR_NOT_FOUND' });
});

test('gauges show the newest window and open alerts', async () => {
  const name = await created('gauged');
  await judgeDay(name, 4);
  const text = await rig.test.platform.telemetry('monitoring').metricsText();
  const line = (metric: string, ...labels: string[]) =>
    text.split('\n').find((one) => one.startsWith(metric) && [name, ...labels].every((label) => one.includes(label)));
  expect(Number(line('millrace_monitoring_drift', 'column="distance"')?.split(' ').at(-1))).toBeGreaterThan(0.1);
  expect(line('millrace_monitoring_alerts_open', 'kind="DRIFT"')).toMatch(/ 1( |$)/);
});
