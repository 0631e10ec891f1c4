import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { RunStatus } from '@millrace/contracts/millrace/training/v1/run';
import { TrainingJobFinishedSchema } from '@millrace/contracts/millrace/training/v1/training_events';
import {
  type EstimatorSchema,
  type PreprocessingSchema,
  Task,
  type TrainingSpecSchema,
} from '@millrace/contracts/millrace/training/v1/training_job';
import { decodeEvent } from '@millrace/events';
import type { Digest } from '@millrace/kernel';
import { createOnnxSession, readModel } from '@millrace/onnx';
import { profileFromJson } from '@millrace/profiles';
import { createRig, type Rig, smallSet, WORKSPACE } from './rig.ts';

let rig: Rig;
let trainingSet: string;

beforeAll(async () => {
  rig = await createRig();
  trainingSet = await rig.addSet('small', smallSet(4000));
});
afterAll(() => rig.stop());

type Spec = MessageInitShape<typeof TrainingSpecSchema>;

const boosting: MessageInitShape<typeof EstimatorSchema> = {
  kind: { case: 'gradientBoosting', value: { numIterations: 20, numLeaves: 7 } },
};
const byTarget: MessageInitShape<typeof PreprocessingSchema> = {
  columns: ['city'],
  step: { case: 'ordinal', value: { order: 'target' } },
};

async function trained(spec: Spec) {
  const { trainingJob } = await rig.training.createTrainingJob({ parent: WORKSPACE, spec });
  return await rig.ended(trainingJob!.name);
}

test('a training gives model, metrics, proof, profile and a tracked run', async () => {
  const finished = rig.finishedEvents();
  const job = await trained({
    trainingSet,
    experiment: `${WORKSPACE}/experiments/late`,
    preprocessing: [byTarget],
    estimator: boosting,
    crossValidation: { kind: 'time_series', folds: 3, rowsMax: 2000n },
    seed: 7n,
  });
  expect(job.execution).toMatchObject({ state: JobState.SUCCEEDED, fraction: 1 });
  const result = job.result!;
  expect(result).toMatchObject({ trainRows: 3200n, testRows: 800n });
  expect(result.metrics.auc).toBeGreaterThan(0.9);
  expect(result.intervals.auc!.lower).toBeLessThan(result.metrics.auc!);
  expect(result.intervals.auc!.upper).toBeGreaterThan(result.metrics.auc!);
  expect(result.folds.map(({ trainRows, testRows }) => [trainRows, testRows])).toEqual([
    [500n, 500n],
    [1000n, 500n],
    [1500n, 500n],
  ]);
  expect(result.parity).toMatchObject({ labelFlips: 0n, tolerance: 1e-6 });
  expect(Number(result.parity!.rows)).toBeGreaterThan(800);
  expect(result.parity!.maxAbs).toBeLessThan(1e-6);
  expect(Object.keys(result.seconds).sort()).toEqual(['cross_validate', 'fit', 'parity', 'profile', 'read', 'test']);
  expect(result.importances[0]!.feature).toBe('x');
  const { roc, calibration } = result.curves as { roc: number[][]; calibration: { rows: number }[] };
  expect(roc[0]).toEqual([0, 0]);
  expect(roc.at(-1)).toEqual([1, 1]);
  expect(calibration.reduce((sum, { rows }) => sum + rows, 0)).toBe(800);
  expect(result.environment).toMatchObject({ node: process.version, onnxruntime: '1.30.0', arch: process.arch });

  const { blobs } = rig.platform.platform;
  const model = await blobs.bytes(result.model!.digest as Digest);
  expect(result.signature!.inputs).toMatchObject([
    { name: 'x', datatype: 'FP32', shape: [-1n, 1n], optional: true },
    { name: 'n', datatype: 'FP32' },
    { name: 'flag', datatype: 'FP32' },
    { name: 'city', datatype: 'BYTES' },
  ]);
  expect(result.signature!.outputs).toMatchObject([
    { name: 'probability', datatype: 'FP32', shape: [-1n, 1n] },
    { name: 'label', datatype: 'INT64', shape: [-1n, 1n] },
  ]);
  expect(readModel(model).metadata['millrace.seed']).toBe('7');
  const session = await createOnnxSession(model);
  const one = (value: number) => ({ type: 'float32', shape: [1, 1], values: Float32Array.of(value) }) as const;
  const city = { type: 'string', shape: [1, 1], values: ['ulm'] } as const;
  const { probability } = await session.run({ x: one(1), n: one(3), flag: one(1), city: { ...city, values: ['ulm'] } });
  expect((probability!.values as Float32Array)[0]).toBeGreaterThan(0.9);
  await session.close();

  const profile = profileFromJson(Buffer.from(await blobs.bytes(result.profile!.digest as Digest)).toString());
  expect(profile.columns.map(({ name, count }) => [name, count])).toEqual([
    ['x', 3200],
    ['n', 3200],
    ['flag', 3200],
    ['city', 3200],
    ['prediction', 800],
  ]);

  const { run } = await rig.training.getRun({ name: job.run });
  expect(run).toMatchObject({
    experiment: `${WORKSPACE}/experiments/late`,
    status: RunStatus.FINISHED,
    trainingJob: job.name,
    params: { task: 'binary', seed: '7', 'preprocessing.city': 'ordinal(order=target)', 'estimator.rounds': '20' },
    tags: { 'millrace.training_set': trainingSet },
  });
  expect(run!.metrics.auc).toBe(result.metrics.auc);
  expect(run!.artifacts.map(({ path }) => path)).toEqual(['curves.json', 'model.onnx', 'profile.json']);
  const { metrics } = await rig.training.getMetricHistory({ name: job.run, key: 'training_loss' });
  expect(metrics.map(({ step }) => Number(step))).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(metrics.at(-1)!.value).toBeLessThan(metrics[0]!.value);

  const event = decodeEvent(TrainingJobFinishedSchema, await finished);
  expect(event).toMatchObject({ trainingJob: job.name, state: JobState.SUCCEEDED });
  expect(event.metrics.auc).toBe(result.metrics.auc);
});

test('the same set, spec and seed give the same bytes, for one and for two threads', async () => {
  const spec: Spec = {
    trainingSet,
    preprocessing: [byTarget],
    estimator: {
      kind: {
        case: 'gradientBoosting',
        value: { numIterations: 15, numLeaves: 7, baggingFraction: 0.8, featureFraction: 0.8, earlyStoppingRounds: 5 },
      },
    },
    crossValidation: { kind: 'k_fold', folds: 2 },
    seed: 3n,
  };
  const jobs = [await trained({ ...spec, threads: 1 }), await trained({ ...spec, threads: 2 })];
  const [one, two] = jobs.map(({ result }) => [result!.model!.digest, result!.profile!.digest, result!.folds]);
  expect(two).toEqual(one);
  const other = await trained({ ...spec, seed: 4n });
  expect(other.result!.model!.digest).not.toBe(one![0]);
  const { metrics } = await rig.training.getMetricHistory({ name: jobs[0]!.run, key: 'validation_loss' });
  expect(metrics.length).toBeGreaterThan(0);
});

test('linear and logistic regression train on scaled, imputed and encoded columns', async () => {
  const preprocessing: MessageInitShape<typeof PreprocessingSchema>[] = [
    { step: { case: 'impute', value: { strategy: 'mean', indicator: true } } },
    { step: { case: 'scale', value: {} } },
    { columns: ['city'], step: { case: 'oneHot', value: { categoriesMax: 4 } } },
  ];
  const logistic = await trained({
    trainingSet,
    preprocessing,
    estimator: { kind: { case: 'logisticRegression', value: { l2: 0.5 } } },
  });
  expect(logistic.execution?.failure).toBeUndefined();
  expect(logistic.result!.metrics.auc).toBeGreaterThan(0.8);
  const regression = await rig.addSet(
    'regression',
    `SELECT * EXCLUDE (label), 2 * n + 1 AS label FROM (${smallSet(500)})`,
  );
  const linear = await trained({
    trainingSet: regression,
    task: Task.REGRESSION,
    features: ['n'],
    estimator: { kind: { case: 'linearRegression', value: { l2: 0 } } },
    split: { testStartTime: { seconds: BigInt(Date.UTC(2024, 0, 1, 6) / 1000) } },
  });
  expect(linear.result).toMatchObject({ trainRows: 360n, testRows: 140n });
  expect(linear.result!.metrics.rmse).toBeLessThan(1e-4);
  expect(linear.result!.metrics.r2).toBeCloseTo(1, 8);
});

test('a request id makes creation idempotent, validate_only stores nothing', async () => {
  const request = { parent: WORKSPACE, spec: { trainingSet, estimator: boosting }, requestId: 'once' };
  const first = await rig.training.createTrainingJob(request);
  const second = await rig.training.createTrainingJob(request);
  expect(second.trainingJob!.name).toBe(first.trainingJob!.name);
  const count = async () => (await rig.training.listTrainingJobs({ parent: WORKSPACE })).trainingJobs.length;
  const before = await count();
  await rig.training.createTrainingJob({ ...request, requestId: '', validateOnly: true });
  expect(await count()).toBe(before);
  await rig.ended(first.trainingJob!.name);
  const page = await rig.training.listTrainingJobs({ parent: WORKSPACE, pageSize: 1 });
  expect(page.trainingJobs[0]!.name).toBe(first.trainingJob!.name);
  const rest = await rig.training.listTrainingJobs({ parent: WORKSPACE, pageToken: page.nextPageToken });
  expect(rest.trainingJobs).toHaveLength(before - 1);
});

test.each([
  ['TRAINING_SET_NOT_READY', 'pending'],
  ['TRAINING_SET_NOT_FOUND', 'nowhere'],
])('%s is told before anything is stored', async (reason, id) => {
  await rig.addSet('pending', smallSet(10), JobState.RUNNING);
  const name = `${WORKSPACE}/trainingSets/${id}`;
  const call = rig.training.createTrainingJob({
    parent: WORKSPACE,
    spec: { trainingSet: name, estimator: boosting },
  });
  await expect(call).rejects.toMatchObject({ reason });
});

test('all that is wrong with a spec is told at once, with suggestions', async () => {
  const call = rig.training.createTrainingJob({
    parent: WORKSPACE,
    spec: {
      trainingSet,
      features: ['x', 'cty', 'flagg'],
      task: Task.REGRESSION,
      preprocessing: [{ columns: ['x'], step: { case: 'oneHot', value: {} } }],
      estimator: { kind: { case: 'logisticRegression', value: {} } },
      crossValidation: { folds: 1 },
    },
  });
  await expect(call).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'TRAINING_SPEC_INVALID',
    violations: [
      { field: 'spec.features[1]', reason: 'UNKNOWN_FEATURE', description: expect.stringContaining('"city"') },
      { field: 'spec.features[2]', reason: 'UNKNOWN_FEATURE', description: expect.stringContaining('"flag"') },
      { field: 'spec.preprocessing[0].columns[0]', reason: 'COLUMN_KIND' },
      { field: 'spec.estimator.logistic_regression', reason: 'ESTIMATOR_TASK_MISMATCH' },
      { field: 'spec.cross_validation.folds', reason: 'OUT_OF_RANGE' },
    ],
  });
});

test.each<[string, string, Pick<Spec, 'split' | 'parityTolerance'>]>([
  ['ONE_CLASS', `SELECT * REPLACE (true AS label) FROM (${smallSet(200)})`, {}],
  ['LABEL_INVALID', `SELECT * REPLACE (CASE WHEN label THEN NULL ELSE label END AS label) FROM (${smallSet(200)})`, {}],
  ['LABEL_INVALID', `SELECT * REPLACE (n AS label) FROM (${smallSet(200)})`, {}],
  ['TOO_FEW_ROWS', smallSet(8), {}],
  ['TEST_SET_EMPTY', smallSet(200), { split: { testStartTime: { seconds: 4_000_000_000n } } }],
  ['PARITY_FAILED', smallSet(400), { parityTolerance: 0 }],
])('a job fails with %s and figures', async (reason, sql, spec) => {
  const set = await rig.addSet('bad', sql);
  const job = await trained({ trainingSet: set, estimator: boosting, ...spec });
  expect(job.execution).toMatchObject({ state: JobState.FAILED, failure: { code: 'FAILED_PRECONDITION', reason } });
  expect(job.result).toBeUndefined();
  const { run } = await rig.training.getRun({ name: job.run });
  expect(run).toMatchObject({ status: RunStatus.FAILED, artifacts: [] });
});
