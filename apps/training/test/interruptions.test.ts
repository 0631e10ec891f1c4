import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { RunStatus } from '@millrace/contracts/millrace/training/v1/run';
import { createRig, type Rig, smallSet, WORKSPACE } from './rig.ts';

let rig: Rig;
let trainingSet: string;

beforeAll(async () => {
  rig = await createRig();
  trainingSet = await rig.addSet('small', smallSet(4000));
});
afterAll(() => rig.stop());

function spec(numIterations: number) {
  return {
    trainingSet,
    estimator: { kind: { case: 'gradientBoosting', value: { numIterations, numLeaves: 15, minDataInLeaf: 1 } } },
    seed: 1n,
  } as const;
}

/** Starts a job and waits until its final fit is under way. */
async function fitting(numIterations: number): Promise<string> {
  const { trainingJob } = await rig.training.createTrainingJob({ parent: WORKSPACE, spec: spec(numIterations) });
  for await (const update of rig.training.watchTrainingJob({ name: trainingJob!.name }))
    if (update.trainingJob!.execution!.message.startsWith('fit: round')) break;
  return trainingJob!.name;
}

test('a cancelled job ends at once and leaves nothing', async () => {
  const name = await fitting(100_000);
  const start = performance.now();
  await rig.training.cancelTrainingJob({ name });
  const job = await rig.ended(name);
  expect(performance.now() - start).toBeLessThan(15_000); // under a second on a quiet machine; the fit alone would take minutes
  expect(job.execution!.state).toBe(JobState.CANCELLED);
  expect(job.result).toBeUndefined();
  const { run } = await rig.training.getRun({ name: job.run });
  expect(run).toMatchObject({ status: RunStatus.KILLED, artifacts: [] });
});

test('a job whose runner stopped in the middle is done again and gives the same bytes', async () => {
  const undisturbed = await rig.training.createTrainingJob({ parent: WORKSPACE, spec: spec(400) });
  const expected = await rig.ended(undisturbed.trainingJob!.name);
  const name = await fitting(400);
  await rig.platform.restart();
  const job = await rig.ended(name);
  expect(job.execution!.state).toBe(JobState.SUCCEEDED);
  expect(job.result!.model).toEqual(expected.result!.model);
  expect(job.result!.profile).toEqual(expected.result!.profile);
  const { metrics } = await rig.training.getMetricHistory({ name: job.run, key: 'training_loss', pageSize: 1000 });
  expect(metrics.map(({ step }) => Number(step))).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
});
