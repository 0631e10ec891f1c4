import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AlertRaisedSchema } from '@millrace/contracts/millrace/monitoring/v1/monitoring_events';
import { emitEvent, eventsMigrations } from '@millrace/events';
import { ManualClock } from '@millrace/kernel';
import { migrate } from '@millrace/postgres';
import { waitFor } from '@millrace/testing';
import { tick } from '../src/scheduler.ts';
import { LOAD } from './pipelines.ts';
import type { Rig } from './rig.ts';
import { apply, createRig, stateOf, untilOver } from './rig.ts';

const PIPELINE = 'workspaces/default/pipelines/load';
const PARENT = 'workspaces/default';

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
  await apply(rig, LOAD);
});
afterAll(() => rig.platform.stop());

const advance = async (day: string): Promise<string[]> => {
  const time = timestampFromDate(new Date(day));
  return (await rig.orchestrator.advanceCalendar({ parent: PARENT, calendar: 'flights', time })).pipelineRuns;
};

test('a calendar begins one run for each multiple that it passes, in order, once', async () => {
  const first = await advance('2001-04-01T12:00:00Z');
  expect(first).toHaveLength(1);
  const runs = await advance('2001-04-04T00:00:00Z');
  expect(runs).toHaveLength(3);
  expect(await advance('2001-04-04T00:00:00Z')).toEqual(runs);
  expect(await advance('2001-04-02')).toEqual([]);
  const ended = await Promise.all([...first, ...runs].map((name) => untilOver(rig, name)));
  expect(ended.map((run) => run.parameters.asOf)).toEqual([
    '2001-04-01T00:00:00Z',
    '2001-04-02T00:00:00Z',
    '2001-04-03T00:00:00Z',
    '2001-04-04T00:00:00Z',
  ]);
  expect(new Set(ended.map(stateOf))).toEqual(new Set(['SUCCEEDED']));
  const spans = ended.map(({ execution }) =>
    [execution?.startTime, execution?.endTime].map((t) => Number(t?.seconds) * 1e3 + Number(t?.nanos) / 1e6),
  );
  for (let i = 1; i < spans.length; i++) expect(spans[i]?.[0]).toBeGreaterThanOrEqual(spans[i - 1]?.[1] ?? 0);
});

test('an event begins the run of its trigger once, within its filter, workspace and cooldown', async () => {
  const monitoring = rig.platform.platform.database('monitoring');
  await migrate(monitoring, [eventsMigrations]);
  const relay = await rig.platform.platform.bus.startRelay(monitoring, 'monitoring');
  const emit = (endpoint: string, kind: string, workspace = 'default') =>
    monitoring.withTransaction((tx) =>
      emitEvent(tx, {
        subject: 'millrace.monitoring.v1.alert.raised',
        resource: `workspaces/${workspace}/alerts/a`,
        schema: AlertRaisedSchema,
        message: {
          alert: {
            endpoint: `workspaces/${workspace}/endpoints/${endpoint}`,
            kind,
            windowEnd: timestampFromDate(new Date('2001-06-08T00:00:00Z')),
          },
        },
      }),
    );
  const triggered = async () => {
    const { pipelineRuns } = await rig.orchestrator.listPipelineRuns({ parent: PARENT, pipeline: PIPELINE });
    return pipelineRuns.filter(({ cause }) => cause === 'trigger:degraded');
  };
  await emit('other', 'PERFORMANCE');
  await emit('flights', 'DRIFT');
  await emit('flights', 'PERFORMANCE', 'elsewhere');
  await emit('flights', 'PERFORMANCE');
  await waitFor(async () => (await triggered()).length > 0);
  await emit('flights', 'PERFORMANCE'); // within the cooldown
  await waitFor(async () => {
    const { consumers } = await rig.platform.platform.bus.stats();
    return consumers.find(({ name }) => name === 'orchestrator.triggers')?.lag === 0;
  });
  const runs = await triggered();
  expect(runs).toHaveLength(1);
  expect(runs[0]?.parameters).toEqual({ asOf: '2001-06-08T00:00:00Z' });
  await untilOver(rig, runs[0]?.name ?? '');
  await relay.stop();
});

test('a cron schedule begins each of its times once, and catches up as many as it may', async () => {
  const { platform } = rig.platform;
  const clock = new ManualClock(new Date());
  const schedules = (more: string) =>
    LOAD.replace('name: load', 'name: nightly').replace(
      /schedules:[\s\S]*/,
      `schedules: [{ id: cron, cron: "30 2 * * *", timeZone: Europe/Berlin, parameters: { asOf: "\${schedule.time}" }${more} }]`,
    );
  await apply(rig, schedules(', catchUpMax: 2'));
  const database = platform.database('orchestrator');
  const deps = { clock, ids: platform.ids, tracer: platform.telemetry('orchestrator').tracer };
  expect(await tick(database, deps)).toEqual([]);
  clock.advance(5 * 86_400_000);
  const both = await Promise.all([tick(database, deps), tick(database, deps)]);
  const begun = both.flat();
  expect(begun).toHaveLength(2);
  expect(await tick(database, deps)).toEqual([]);
  const runs = await Promise.all(begun.map((name) => untilOver(rig, name)));
  const times = runs.map((run) => new Date(run.parameters.asOf ?? '').getTime());
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(23 * 3_600_000);
  expect(clock.now().getTime() - (times[1] ?? 0)).toBeLessThanOrEqual(25 * 3_600_000);
  expect(runs.map(({ cause }) => cause)).toEqual(['schedule:cron', 'schedule:cron']);

  await apply(rig, schedules(', paused: true'));
  clock.advance(5 * 86_400_000);
  expect(await tick(database, deps)).toEqual([]);
});
