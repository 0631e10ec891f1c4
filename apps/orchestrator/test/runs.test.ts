import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Rig } from './rig.ts';
import { apply, createRig, runToEnd, stateOf, statesOf } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
});
afterAll(() => rig.platform.stop());

const PARAMETERS = {
  until: '2001-04-01T00:00:00Z',
  trainEnd: '2001-04-01T00:00:00Z',
  evaluationStart: '2001-03-01T00:00:00Z',
  evaluationEnd: '2001-04-01T00:00:00Z',
};

test('the example runs from load to deployment, its outputs handed from step to step', async () => {
  await apply(rig, await readFile(join(import.meta.dirname, '../../../examples/flight-delays/pipeline.yaml'), 'utf8'));
  const run = await runToEnd(rig, 'flight-delays', PARAMETERS);
  expect(stateOf(run)).toBe('SUCCEEDED');
  expect(new Set(Object.values(statesOf(run)))).toEqual(new Set(['SUCCEEDED']));
  const outputs = Object.fromEntries(run.steps.map((step) => [step.step, step.outputs]));
  expect(outputs).toMatchObject({
    ingest: { datasetVersion: 'workspaces/default/datasets/flights/versions/1', rows: '100' },
    validate: { verdict: 'PUBLISH', quarantinedRows: '3' },
    train: { auc: '0.71', trainingJob: 'workspaces/default/trainingJobs/w1' },
    promote: { decision: 'PROMOTED' },
    deploy: { modelVersion: 'workspaces/default/registeredModels/flight-delays/versions/1' },
  });
  expect(run.traceId).toMatch(/^[0-9a-f]{32}$/);
});
