import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { frameOf } from '@millrace/learning';
import { waitFor } from '@millrace/testing';
import { columnRequest, ENDPOINT, fitModel, floatsOf, rawRequest, startRig } from './rig.ts';

let rig: Awaited<ReturnType<typeof startRig>>;
const model1 = await fitModel(1);
const model2 = await fitModel(2);

beforeAll(async () => {
  rig = await startRig();
  await rig.createEndpoint();
});
afterAll(() => rig?.stop());

/** The trainer's own prediction: what ONNX Runtime must answer. */
function expected(model: typeof model1, distance: number[], origin: string[], rate: number[]): number[] {
  const frame = frameOf({ distance, origin, origin__rate: rate });
  return [...model.predict(frame)];
}

function close(actual: number[], wanted: number[]): void {
  expect(actual).toHaveLength(wanted.length);
  actual.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i]!, 5);
  });
}

test('an endpoint without a model says that it is not ready', async () => {
  await expect(rig.inference.modelInfer(rawRequest([1], ['JFK'], [0.1]))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'ENDPOINT_NOT_READY',
  });
  expect(await rig.inference.serverReady({})).toMatchObject({ ready: false });
  await expect(rig.inference.modelReady({ name: 'nothing' })).rejects.toMatchObject({ reason: 'ENDPOINT_NOT_FOUND' });
});

test('a deployed version answers raw to raw input, typed to typed, with its names', async () => {
  const version = await rig.register(1, model1.exportOnnx());
  const deployment = await rig.deploy(version);
  expect(deployment).toMatchObject({ active: true, modelVersion: version, execution: { state: JobState.SUCCEEDED } });

  const raw = await rig.inference.modelInfer({ ...rawRequest([900, 10], ['JFK', 'ORD'], [0.5, Number.NaN]), id: 'r1' });
  expect(raw).toMatchObject({ modelName: 'flights', modelVersion: '1', id: 'r1' });
  expect(raw.parameters.model_version_name?.parameterChoice.value).toBe(version);
  expect(raw.parameters.prediction_id?.parameterChoice.value).toBe('r1');
  expect(raw.outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual([
    ['probability', 'FP32', [2n, 1n]],
    ['label', 'INT64', [2n, 1n]],
  ]);
  close(floatsOf(raw.rawOutputContents[0]), expected(model1, [900, 10], ['JFK', 'ORD'], [0.5, Number.NaN]));

  const typed = await rig.inference.modelInfer(
    columnRequest([900, 10], ['JFK', 'LAX'], ['2001-04-01T10:00:00Z', '2001-04-02']),
  );
  expect(typed.rawOutputContents).toEqual([]);
  close(typed.outputs[0]!.contents!.fp32Contents, expected(model1, [900, 10], ['JFK', 'LAX'], [0.25, 0.5]));
  expect(typed.parameters.prediction_id?.parameterChoice.value).toHaveLength(26);
});

test('unknown entities are missing values and counted; given inputs win over looked-up ones', async () => {
  const found = await rig.inference.modelInfer(columnRequest([500], ['XXX']));
  close(found.outputs[0]!.contents!.fp32Contents, expected(model1, [500], ['XXX'], [Number.NaN]));
  expect(found.parameters.features_missing?.parameterChoice.value).toBe(1n);

  const lookups = rig.fakes.lookups.length;
  const given = columnRequest([500], ['JFK']);
  const answer = await rig.inference.modelInfer({
    ...given,
    inputs: [
      ...given.inputs,
      { name: 'origin__rate', datatype: 'FP32', shape: [1n, 1n], contents: { fp32Contents: [0.9] } },
    ],
  });
  close(answer.outputs[0]!.contents!.fp32Contents, expected(model1, [500], ['JFK'], [0.9]));
  expect(rig.fakes.lookups).toHaveLength(lookups);
});

test('metadata and readiness name the active version and the request columns', async () => {
  const metadata = await rig.inference.modelMetadata({ name: 'flights' });
  expect(metadata.versions).toEqual(['1']);
  expect(metadata.inputs.map(({ name, datatype }) => `${name} ${datatype}`)).toEqual([
    'date INT64',
    'distance INT32',
    'origin BYTES',
  ]);
  expect(await rig.inference.modelReady({ name: ENDPOINT, version: '1' })).toMatchObject({ ready: true });
  expect(await rig.inference.modelReady({ name: ENDPOINT, version: '2' })).toMatchObject({ ready: false });
  expect(await rig.inference.serverLive({})).toMatchObject({ live: true });
  expect(await rig.inference.serverMetadata({})).toMatchObject({ name: 'millrace' });
});

test('the alias event deploys; deploying what answers already changes nothing; rollback returns', async () => {
  const version = await rig.register(2, model2.exportOnnx());
  await rig.promote(version);
  await waitFor(async () => (await rig.inference.modelReady({ name: 'flights', version: '2' })).ready);
  const { deployments } = await rig.serving.listDeployments({ parent: ENDPOINT });
  expect(deployments.map(({ modelVersion, active }) => [modelVersion, active])).toEqual([
    [version, true],
    [expect.stringContaining('/1'), false],
  ]);
  const again = await rig.serving.deploy({ endpoint: ENDPOINT });
  expect(again.deployment?.name).toBe(deployments[0]!.name);

  const { deployment } = await rig.serving.rollback({ endpoint: ENDPOINT, requestId: 'back' });
  expect((await rig.ended(deployment!.name)).modelVersion).toMatch(/\/1$/);
  const repeated = await rig.serving.rollback({ endpoint: ENDPOINT, requestId: 'back' });
  expect(repeated.deployment?.name).toBe(deployment?.name);
  expect(await rig.inference.modelReady({ name: 'flights', version: '1' })).toMatchObject({ ready: true });
});
