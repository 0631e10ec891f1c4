import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@millrace/testing';
import type { FakeWork } from './fake-work.ts';
import { LOAD, WHOLE } from './pipelines.ts';
import type { Rig } from './rig.ts';
import { apply, createRig, stateOf, statesOf, untilOver } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
  await apply(rig, WHOLE);
});
afterAll(() => rig.platform.stop());

test('a process that ends in the middle of each step goes on there, with the same request', async () => {
  const { fakes } = rig;
  // biome-ignore lint/suspicious/noExplicitAny: each kind of work has a result of its own
  const works: [string, FakeWork<any>][] = [
    ['ingest', fakes.ingestion],
    ['validate', fakes.validation],
    ['set', fakes.trainingSets],
    ['train', fakes.trainingJobs],
    ['promote', fakes.promotions],
    ['deploy', fakes.deployments],
    ['monitor', fakes.monitorRuns],
  ];
  for (const [, work] of works) work.isHeld = true;
  const { pipelineRun } = await rig.orchestrator.createPipelineRun({
    pipeline: 'workspaces/default/pipelines/whole',
    parameters: { until: '2001-04-01' },
  });
  const name = pipelineRun?.name ?? '';
  for (const [step, work] of works) {
    await waitFor(() => work.begun > 0, { what: `${step} begins` });
    await rig.platform.restart();

    await waitFor(() => work.requests.length >= 2, { what: `${step} is taken up again` });
    work.isHeld = false;
    work.finishAll();
  }
  const run = await untilOver(rig, name);
  expect(statesOf(run)).toEqual(Object.fromEntries(run.steps.map(({ step }) => [step, 'SUCCEEDED'])));
  expect(stateOf(run)).toBe('SUCCEEDED');
  const id = name.split('/').at(-1);
  for (const [step, work] of works) {
    if (step === 'deploy') continue; // two steps of the pipeline deploy
    expect(new Set(work.requests)).toEqual(new Set([`${id}-${step}-0`]));
    expect(work.begun).toBe(1);
  }
  expect(fakes.deployments.begun).toBe(2);
}, 60_000);

test('a worker that has lost its step to another one cannot finish it', async () => {
  const { ingestion } = rig.fakes;
  await apply(rig, LOAD);
  ingestion.isHeld = true;
  const before = ingestion.requests.length;
  const { pipelineRun } = await rig.orchestrator.createPipelineRun({ pipeline: 'workspaces/default/pipelines/load' });
  await waitFor(() => ingestion.requests.length === before + 1);
  const taken = `update jobs set state = 'PENDING', fence = fence + 1, run_at = now() where state = 'RUNNING'`;
  await rig.platform.platform.database('orchestrator').execute(taken);
  await waitFor(() => ingestion.requests.length === before + 2);
  ingestion.isHeld = false;
  ingestion.finishAll();
  const run = await untilOver(rig, pipelineRun?.name ?? '');
  expect(stateOf(run)).toBe('SUCCEEDED');
  expect(new Set(ingestion.requests.slice(before)).size).toBe(1);
  const finished = await rig.platform.platform
    .database('orchestrator')
    .query('select 1 from step_runs where run = $1 and attempt <> 1', [run.name]);
  expect(finished).toEqual([]);
});
