import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RunStatus } from '@millrace/contracts/millrace/training/v1/run';
import { sha256 } from '@millrace/kernel';
import { createRig, type Rig, WORKSPACE } from './rig.ts';

let rig: Rig;
const experiment = `${WORKSPACE}/experiments/e`;

beforeAll(async () => {
  rig = await createRig();
  await rig.training.createExperiment({ experiment: { name: experiment, description: 'a question' } });
});
afterAll(() => rig.stop());

async function newRun(displayName = '', params: Record<string, string> = {}): Promise<string> {
  const { run } = await rig.training.createRun({ parent: WORKSPACE, run: { experiment, displayName, params } });
  return run!.name;
}

test('experiments', async () => {
  await expect(rig.training.createExperiment({ experiment: { name: experiment } })).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'EXPERIMENT_EXISTS',
  });
  const again = { experiment: { name: `${WORKSPACE}/experiments/f` }, requestId: 'f' };
  await rig.training.createExperiment(again);
  expect((await rig.training.createExperiment(again)).experiment!.name).toBe(again.experiment.name);
  const first = await rig.training.listExperiments({ parent: WORKSPACE, pageSize: 1 });
  expect(first.experiments).toMatchObject([{ name: experiment, description: 'a question' }]);
  const rest = await rig.training.listExperiments({ parent: WORKSPACE, pageToken: first.nextPageToken });
  expect(rest.experiments).toMatchObject([{ name: again.experiment.name }]);
  const missing = rig.training.getExperiment({ name: `${WORKSPACE}/experiments/no` });
  await expect(missing).rejects.toMatchObject({ reason: 'EXPERIMENT_NOT_FOUND' });
  await expect(
    rig.training.createRun({ parent: WORKSPACE, run: { experiment: `${WORKSPACE}/experiments/no` } }),
  ).rejects.toMatchObject({ reason: 'EXPERIMENT_NOT_FOUND' });
});

test('a batch is all or nothing, and sending it again changes nothing', async () => {
  const name = await newRun();
  const blob = { digest: sha256('x'), sizeBytes: 1n, mediaType: 'text/plain' };
  const batch = {
    name,
    metrics: [
      { key: 'loss', value: 3, step: 1n },
      { key: 'loss', value: 2, step: 2n },
      { key: 'loss', value: Number.NaN, step: 0n },
      { key: 'loss', value: 9, step: 1n, time: { seconds: 5n } },
    ],
    params: { depth: '3' },
    tags: { who: 'me' },
    artifacts: [{ path: 'a/b.txt', blob }],
  };
  await rig.training.logBatch(batch);
  await rig.training.logBatch(batch);
  const { run } = await rig.training.getRun({ name });
  expect(run).toMatchObject({ params: { depth: '3' }, tags: { who: 'me' }, metrics: { loss: 2 } });
  expect(run!.artifacts).toMatchObject([{ path: 'a/b.txt', blob }]);
  const history = async (pageToken = '') =>
    rig.training.getMetricHistory({ name, key: 'loss', pageSize: 3, pageToken });
  const page = await history();
  const rest = await history(page.nextPageToken);
  expect([...page.metrics, ...rest.metrics].map(({ step, value }) => [Number(step), value])).toEqual([
    [0, Number.NaN],
    [1, 9],
    [1, 3],
    [2, 2],
  ]);

  const changed = rig.training.logBatch({
    name,
    metrics: [{ key: 'other', value: 1 }],
    params: { depth: '4', width: '1' },
  });
  await expect(changed).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'PARAM_CHANGED',
    violations: [{ field: 'params["depth"]' }],
  });
  const after = (await rig.training.getRun({ name })).run!;
  expect(after.params).toEqual({ depth: '3' });
  expect(after.metrics).toEqual({ loss: 2 });
});

test('a batch that is too large or malformed is refused', async () => {
  const name = await newRun();
  const call = rig.training.logBatch({
    name,
    params: { ['k'.repeat(300)]: 'v', ok: 'v'.repeat(7000) },
    artifacts: [{ path: '../x', blob: { digest: 'no' } }],
  });
  await expect(call).rejects.toMatchObject({ reason: 'BATCH_INVALID', violations: { length: 4 } });
  const missing = rig.training.logBatch({ name: `${WORKSPACE}/runs/none`, params: { a: 'b' } });
  await expect(missing).rejects.toMatchObject({ reason: 'RUN_NOT_FOUND' });
});

test('10,000 points are written in one go', async () => {
  const name = await newRun();
  const metrics = Array.from({ length: 10_000 }, (_, i) => ({ key: `m${i % 10}`, value: i, step: BigInt(i) }));
  await rig.training.logBatch({ name, metrics });
  const { run } = await rig.training.getRun({ name });
  expect(run!.metrics.m9).toBe(9999);
});

test('a run ends once', async () => {
  const name = await newRun();
  const { run } = await rig.training.finishRun({ name, status: RunStatus.FINISHED });
  expect(run).toMatchObject({ status: RunStatus.FINISHED });
  expect(run!.endTime).toBeDefined();
  const again = await rig.training.finishRun({ name, status: RunStatus.FINISHED });
  expect(again.run!.endTime).toEqual(run!.endTime);
  await expect(rig.training.finishRun({ name, status: RunStatus.FAILED })).rejects.toMatchObject({
    reason: 'RUN_ENDED',
  });
});

test('runs are found by filter and order, page by page', async () => {
  const own = `${WORKSPACE}/experiments/search`;
  await rig.training.createExperiment({ experiment: { name: own } });
  const names: string[] = [];
  for (const [i, auc] of [0.7, 0.9, undefined, 0.8, Number.NaN, 0.9].entries()) {
    const params = { depth: String(i % 3), note: `it's ${i}` };
    const run = { experiment: own, displayName: `run ${i}`, params };
    const created = await rig.training.createRun({ parent: WORKSPACE, run });
    names.push(created.run!.name);
    if (auc !== undefined) await rig.training.logBatch({ name: names[i]!, metrics: [{ key: 'auc', value: auc }] });
  }
  await rig.training.finishRun({ name: names[0]!, status: RunStatus.KILLED });
  const found = async (filter: string, orderBy = '', pageSize = 100) => {
    const order: number[] = [];
    for (let pageToken = '', first = true; first || pageToken !== ''; first = false) {
      const page = await rig.training.searchRuns({
        parent: WORKSPACE,
        experiment: own,
        filter,
        orderBy,
        pageSize,
        pageToken,
      });
      order.push(...page.runs.map(({ name }) => names.indexOf(name)));
      pageToken = page.nextPageToken;
    }
    return order;
  };
  expect(await found('')).toEqual([5, 4, 3, 2, 1, 0]);
  expect(await found('metrics.auc >= 0.8 AND params.depth = "0"')).toEqual([3]);
  expect(await found("metrics.auc < 0.75 OR attributes.run_name ILIKE 'RUN 2'")).toEqual([2, 0]);
  expect(await found("params.note = 'it''s 4'")).toEqual([4]);
  expect(await found("status = 'KILLED'")).toEqual([0]);
  expect(await found("run_name IN ('run 1', 'run 3') AND start_time > 0")).toEqual([3, 1]);
  expect(await found('end_time > 0')).toEqual([0]);
  for (const pageSize of [1, 2, 4, 100]) {
    expect(await found('', 'metrics.auc DESC', pageSize)).toEqual([5, 1, 3, 0, 4, 2]);
    expect(await found('', 'metrics.auc', pageSize)).toEqual([0, 3, 5, 1, 4, 2]);
    expect(await found('', 'params.note DESC', pageSize)).toEqual([5, 4, 3, 2, 1, 0]);
    expect(await found('', '', pageSize)).toEqual([5, 4, 3, 2, 1, 0]);
  }
  await expect(found('metrics.auc >')).rejects.toMatchObject({
    reason: 'FILTER_INVALID',
    violations: [{ field: 'filter' }],
  });
});
