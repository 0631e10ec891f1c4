import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { AppError } from '@millrace/kernel';
import { createGraph } from '@millrace/onnx';
import { waitFor } from '@millrace/testing';
import { columnRequest, ENDPOINT, fitModel, MODEL, rawRequest, startRig } from './rig.ts';

const models = await Promise.all([fitModel(1), fitModel(2, 20)]);
const [file1, file2] = models.map((model) => model.exportOnnx()) as [Uint8Array, Uint8Array];

let rig: Awaited<ReturnType<typeof startRig>>;
beforeAll(async () => {
  rig = await startRig({ log: { flushRows: 10_000, flushIntervalMs: 60_000, bufferRowsMax: 100_000 } });
});
afterAll(() => rig?.stop());
beforeEach(async () => {
  await rig.createEndpoint();
  await rig.register(1, file1);
  await rig.register(2, file2);
});
afterEach(() => rig.serving.deleteEndpoint({ name: ENDPOINT }));

const infer = (more: Record<string, unknown> = {}) =>
  rig.inference.modelInfer({ ...rawRequest([700], ['JFK'], [0.5]), ...more });

test('versions change under load without one failed request, and each answer is of the version it names', async () => {
  await rig.deploy(`${MODEL}/versions/1`);
  const byVersion = new Map<string, Set<number>>();
  let isOver = false;
  const caller = async () => {
    while (!isOver) {
      const answer = await infer();
      const value = new DataView(Uint8Array.from(answer.rawOutputContents[0]!).buffer).getFloat32(0, true);
      byVersion.set(answer.modelVersion, (byVersion.get(answer.modelVersion) ?? new Set()).add(value));
    }
  };
  const callers = Array.from({ length: 8 }, caller);
  for (let i = 0; i < 10; i++) {
    const deployment = await rig.deploy(`${MODEL}/versions/${2 - (i % 2)}`);
    expect(deployment).toMatchObject({ active: true });
  }
  isOver = true;
  await Promise.all(callers); // any failed request rejects
  expect([...byVersion.keys()].sort()).toEqual(['1', '2']);
  for (const values of byVersion.values()) expect(values.size).toBe(1);
  const { stats } = await rig.serving.getEndpointStats({ endpoint: ENDPOINT });
  expect(stats?.failed).toEqual({});
});

test('a model that cannot be verified or loaded never replaces a good one', async () => {
  await rig.deploy(`${MODEL}/versions/1`);
  const broken = await rig.register(3, Uint8Array.of(1, 2, 3));
  const lying = await rig.register(4, file2);
  rig.fakes.versions.get(lying)!.signature = rig.fakes.versions.get(broken)!.signature;
  const absent = await rig.register(5, file2);
  const digest = `sha256:${'0'.repeat(64)}`;
  const featureService = rig.fakes.versions.get(absent)!.featureService;
  rig.fakes.versions.set(absent, { digest, featureService, signature: rig.fakes.sign(absent, digest, featureService) });
  const graph = createGraph({ name: 'other' });
  graph.input('unheard_of', 'float32', ['N', 1]);
  graph.node({ op: 'Identity', inputs: ['unheard_of'], outputs: ['value'] });
  graph.output('value', 'float32', ['N', 1]);
  const misfit = await rig.register(6, graph.build());

  const reasons = [];
  for (const version of [broken, lying, absent, misfit]) {
    const deployment = await rig.deploy(version);
    expect(deployment).toMatchObject({ active: false, execution: { state: JobState.FAILED } });
    reasons.push(deployment.execution?.failure?.reason);
    expect((await infer()).modelVersion).toBe('1');
  }
  expect(reasons).toEqual([
    'ONNX_MODEL_INVALID',
    'MODEL_SIGNATURE_INVALID',
    'MODEL_DIGEST_MISMATCH',
    'MODEL_FEATURES_MISSING',
  ]);
  await expect(rig.serving.deploy({ endpoint: ENDPOINT, modelVersion: `${MODEL}/versions/99` })).rejects.toMatchObject({
    reason: 'MODEL_VERSION_NOT_FOUND',
  });
});

test('beyond the queue, requests are refused with a hint, and the others are answered', async () => {
  await rig.serving.updateEndpoint({
    endpoint: { name: ENDPOINT, registeredModel: MODEL, queueMax: 2 },
    updateMask: { paths: ['queue_max'] },
  });
  await rig.deploy(`${MODEL}/versions/1`);
  const results = await Promise.allSettled(
    Array.from({ length: 40 }, () => rig.inference.modelInfer(columnRequest([1], ['JFK']))),
  );
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(40);
  for (const { reason } of refused)
    expect(reason).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'ENDPOINT_QUEUE_FULL' });
  expect((refused[0]!.reason as AppError).retryAfterMs).toBeGreaterThan(0);
  const { stats } = await rig.serving.getEndpointStats({ endpoint: ENDPOINT });
  expect(stats).toMatchObject({ failed: { RESOURCE_EXHAUSTED: BigInt(refused.length) }, queued: 0n });
});

test('large requests run in a worker thread and give the same answers', async () => {
  await rig.deploy(`${MODEL}/versions/2`);
  const rows = 9000;
  const distance = Array.from({ length: rows }, (_, i) => i % 1000);
  const origin = Array.from({ length: rows }, (_, i) => ['JFK', 'LAX', 'ORD'][i % 3]!);
  const rate = distance.map((x) => x / 1000);
  const large = await rig.inference.modelInfer(rawRequest(distance, origin, rate));
  const small = await rig.inference.modelInfer(
    rawRequest(distance.slice(0, 30), origin.slice(0, 30), rate.slice(0, 30)),
  );
  const [all, first] = [large, small].map(({ rawOutputContents: [raw] }) => Buffer.from(raw!));
  expect(all).toHaveLength(rows * 4);
  expect(all!.subarray(0, first!.length)).toEqual(first);
  await expect(
    rig.inference.modelInfer(rawRequest(Array(10_001).fill(1), Array(10_001).fill('JFK'), Array(10_001).fill(1))),
  ).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    violations: expect.arrayContaining([expect.objectContaining({ reason: 'TOO_MANY_ROWS' })]),
  });
});

test('a request of 100 MB, a wrong version and a wrong id are refused', async () => {
  await rig.deploy(`${MODEL}/versions/1`);
  const huge = { ...rawRequest([1], ['JFK'], [1]), rawInputContents: [new Uint8Array(100 * 1024 * 1024)] };
  await expect(rig.inference.modelInfer(huge)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  await expect(infer({ modelVersion: '7' })).rejects.toMatchObject({ reason: 'MODEL_VERSION_NOT_SERVED' });
  await expect(infer({ id: 'x'.repeat(1000) })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(infer({ modelName: "f'; drop table" })).rejects.toMatchObject({ reason: 'ENDPOINT_NOT_FOUND' });
  expect((await infer({ modelName: ENDPOINT, modelVersion: '1' })).modelName).toBe(ENDPOINT);
});

test("one caller's bad key does not fail those who share its look-up; trouble of the feature store is passed on", async () => {
  await rig.deploy(`${MODEL}/versions/1`);
  const before = rig.fakes.lookups.length;
  const origins = Array.from({ length: 30 }, (_, i) => (i === 17 ? '!' : 'JFK'));
  const results = await Promise.allSettled(origins.map((o) => rig.inference.modelInfer(columnRequest([1], [o]))));
  expect(results.map(({ status }) => status === 'fulfilled')).toEqual(origins.map((o) => o !== '!'));
  expect(rig.fakes.lookups.length - before).toBeLessThan(60);
  rig.fakes.failLookup = new AppError('FAILED_PRECONDITION', 'not materialized', { reason: 'NOT_MATERIALIZED' });
  await expect(rig.inference.modelInfer(columnRequest([1], ['JFK']))).rejects.toMatchObject({
    reason: 'NOT_MATERIALIZED',
  });
  rig.fakes.failLookup = undefined;
});

test('after a restart the active version answers again, with registry and feature store away', async () => {
  await rig.deploy(`${MODEL}/versions/2`);
  rig.fakes.registryIsAway = true;
  await rig.platform.restart();
  rig.fakes.registryIsAway = false;
  expect((await infer()).modelVersion).toBe('2');
  expect(await rig.inference.serverReady({})).toMatchObject({ ready: true });
});

test('endpoints: idempotent creation, conflicts, masks, etags', async () => {
  const name = 'workspaces/default/endpoints/other';
  const endpoint = { name, registeredModel: MODEL };
  const { endpoint: made } = await rig.serving.createEndpoint({ endpoint, requestId: 'once' });
  const again = await rig.serving.createEndpoint({ endpoint, requestId: 'once' });
  expect(again.endpoint?.etag).toBe(made?.etag);
  expect(made).toMatchObject({ alias: 'champion', queueMax: 1024, rowsMax: 10_000, logPredictions: true });
  await expect(rig.serving.createEndpoint({ endpoint })).rejects.toMatchObject({ reason: 'ENDPOINT_EXISTS' });
  await expect(rig.serving.createEndpoint({ endpoint: { name: 'a/b', registeredModel: MODEL } })).rejects.toMatchObject(
    {
      reason: 'RESOURCE_NAME_INVALID',
    },
  );
  const change = { endpoint: { ...endpoint, rowsMax: 5, etag: 'old' }, updateMask: { paths: ['rows_max'] } };
  await expect(rig.serving.updateEndpoint(change)).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
  change.endpoint.etag = made!.etag;
  expect((await rig.serving.updateEndpoint(change)).endpoint).toMatchObject({ rowsMax: 5, queueMax: 1024 });
  const page = await rig.serving.listEndpoints({ parent: 'workspaces/default', pageSize: 1 });
  expect(page.endpoints.map((e) => e.name)).toEqual([ENDPOINT]);
  const rest = await rig.serving.listEndpoints({ parent: 'workspaces/default', pageToken: page.nextPageToken });
  expect(rest.endpoints.map((e) => e.name)).toEqual([name]);
  await expect(rig.serving.rollback({ endpoint: name })).rejects.toMatchObject({ reason: 'NO_PREVIOUS_DEPLOYMENT' });
  await rig.serving.deleteEndpoint({ name });
  await waitFor(
    async () => (await rig.inference.modelReady({ name: 'other' }).catch((e) => e)).reason === 'ENDPOINT_NOT_FOUND',
  );
});
