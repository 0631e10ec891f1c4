import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@millrace/testing';
import type { FakeWork } from './fake-work.ts';
import { WHOLE } from './pipelines.ts';
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
    const t = Date.now();
    await waitFor(() => work.begun > 0, { what: `${step} begins` });
    await rig.platform.restart();
    await waitFor(() => work.requests.length >= 2, { what: `${step} is taken up again` });
    work.isHeld = false;
    work.finishAll();
    console.log(step, Date.now() - t);
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
