import { chmod, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { PromotionDecision } from '@millrace/contracts/millrace/registry/v1/registered_model';
import type { ModelVersionPromoted } from '@millrace/contracts/millrace/registry/v1/registry_events';
import { ModelVersionPromotedSchema } from '@millrace/contracts/millrace/registry/v1/registry_events';
import { decodeEvent, type Running } from '@millrace/events';
import type { Digest } from '@millrace/kernel';
import { waitFor } from '@millrace/testing';
import { createRig, EVALUATION_SQL, modelFrom, type Rig, SERVICE, WORKSPACE } from './rig.ts';

const modelName = (id: string) => `${WORKSPACE}/registeredModels/${id}`;
const strong = await modelFrom('x', 1);
const weak = await modelFrom('noise', 1);

let rig: Rig;
let consumer: Running;
const promoted: ModelVersionPromoted[] = [];

beforeAll(async () => {
  rig = await createRig();
  consumer = await rig.platform.bus.consume({
    name: 'test-promoted',
    database: rig.platform.database('registry'),
    subjects: ['millrace.registry.v1.model_version.promoted'],
    handler: async (event) => void promoted.push(decodeEvent(ModelVersionPromotedSchema, event)),
  });
});

afterAll(async () => {
  await consumer?.stop();
  await rig?.stop();
});

const historyOf = async (model: string) =>
  (await rig.registry.listModelHistory({ parent: modelName(model) })).entries.map(({ kind, modelVersion, alias }) =>
    `${kind} ${modelVersion.split('/').at(-1)} ${alias}`.trim(),
  );

test('a job is registered once, also by calls at the same time', async () => {
  const job = await rig.addJob('once', strong);
  const names = await Promise.all([1, 2, 3, 4].map(() => rig.register('once', job)));
  expect(new Set(names)).toEqual(new Set([`${modelName('once')}/versions/1`]));
  expect(await rig.register('once', await rig.addJob('twice', strong))).toBe(`${modelName('once')}/versions/2`);
  expect(await historyOf('once')).toEqual(['REGISTERED 2', 'REGISTERED 1']);
  const { registeredModel } = await rig.registry.getRegisteredModel({ name: modelName('once') });
  expect(registeredModel?.latestVersion).toBe(`${modelName('once')}/versions/2`);
});

test('a version knows everything that it was made of', async () => {
  const trainingJob = await rig.addJob('lineage', strong);
  const { modelVersion } = await rig.registry.registerModelVersion({
    registeredModel: modelName('lineage'),
    trainingJob,
    pipelineRun: `${WORKSPACE}/pipelineRuns/r1`,
  });
  expect(modelVersion?.lineage).toMatchObject({
    trainingJob,
    run: `${WORKSPACE}/experiments/e/runs/lineage`,
    trainingSet: `${WORKSPACE}/trainingSets/january`,
    featureService: SERVICE,
    datasetVersions: [rig.flights, rig.weather],
    datasetDigests: [`digest of ${rig.flights}`, `digest of ${rig.weather}`],
    codeRevision: 'abc123',
    params: { learning_rate: '0.1' },
    seed: 7n,
    environment: { node: '24' },
    pipelineRun: `${WORKSPACE}/pipelineRuns/r1`,
    validationRuns: [`${WORKSPACE}/validationRuns/of-flights`, `${WORKSPACE}/validationRuns/of-weather`],
  });
});

test('a job that has not succeeded, or whose ONNX file predicts otherwise, is not registered', async () => {
  const running = await rig.addJob('running', strong);
  const odd = await rig.addJob('odd', strong);
  (rig.jobs.get(running)?.execution as { state: JobState }).state = JobState.RUNNING;
  (rig.jobs.get(odd)?.result?.parity as { maxAbs: number }).maxAbs = 1e-3;
  await expect(rig.register('refused', running)).rejects.toMatchObject({ reason: 'TRAINING_JOB_NOT_FINISHED' });
  await expect(rig.register('refused', odd)).rejects.toMatchObject({ reason: 'PARITY_FAILED' });
  await expect(rig.registry.getRegisteredModel({ name: modelName('refused') })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('a metric below its floor keeps the alias where it is, and the refusal is kept with its evidence', async () => {
  const version = await rig.register('floor', await rig.addJob('floor', strong, { auc: 0.64 }));
  const refused = await rig.promote(version, [
    { kind: { case: 'metric', value: { metric: 'auc', minValue: 0.65 } } },
    { kind: { case: 'metric', value: { metric: 'auc', minValue: 0.6 } } },
  ]);
  expect(refused.decision).toBe(PromotionDecision.REJECTED);
  expect(refused.results.map(({ holds }) => holds)).toEqual([false, true]);
  expect(refused.results[0]?.figures).toEqual({ candidate: 0.64 });
  await expect(rig.registry.getModelVersion({ name: modelName('floor'), alias: 'champion' })).rejects.toMatchObject({
    reason: 'ALIAS_NOT_FOUND',
  });
  expect(await historyOf('floor')).toEqual(['PROMOTION_REJECTED 1 champion', 'REGISTERED 1']);
});

test('the better of two models takes the alias, the worse does not, judged on the same rows', async () => {
  const evaluationSet = await rig.addEvaluationSet('february', EVALUATION_SQL);
  const gates = [{ kind: { case: 'betterThanAlias' as const, value: { metric: 'auc', evaluationSet, seed: 7n } } }];
  const [one, two, three] = [
    await rig.register('duel', await rig.addJob('duel-1', weak)),
    await rig.register('duel', await rig.addJob('duel-2', strong)),
    await rig.register('duel', await rig.addJob('duel-3', await modelFrom('noise', 2))),
  ];
  expect((await rig.promote(one, gates)).decision).toBe(PromotionDecision.PROMOTED);
  const better = await rig.promote(two, gates, 'promote-2');
  expect(better).toMatchObject({ decision: PromotionDecision.PROMOTED, previousVersion: one });
  const { candidate, incumbent, lower, rows } = better.results[0]?.figures ?? {};
  expect(rows).toBe(2000);
  // The rank of `x`, the same by DuckDB: area under the curve by the Mann–Whitney statistic.
  const [auc] = await rig.platform.tables.withConnection((connection) =>
    connection.rows<{ x: number; noise: number }>(
      `WITH e AS (${EVALUATION_SQL}), r AS (SELECT label,
         rank() OVER (ORDER BY x) + (count(*) OVER (PARTITION BY x) - 1) / 2.0 AS rx,
         rank() OVER (ORDER BY noise) + (count(*) OVER (PARTITION BY noise) - 1) / 2.0 AS rn FROM e),
       s AS (SELECT count(*) FILTER (label) AS p, count(*) FILTER (NOT label) AS q,
         sum(rx) FILTER (label) AS sx, sum(rn) FILTER (label) AS sn FROM r)
       SELECT ((sx - p * (p + 1) / 2) / (p * q))::DOUBLE AS x, ((sn - p * (p + 1) / 2) / (p * q))::DOUBLE AS noise FROM s`,
    ),
  );
  expect(candidate).toBeCloseTo(auc?.x ?? 0, 4);
  // A slope below zero turns the order around.
  expect(Math.abs((incumbent ?? 0) - 0.5)).toBeCloseTo(Math.abs((auc?.noise ?? 0) - 0.5), 4);
  expect(lower).toBeGreaterThan(0);

  expect(await rig.promote(two, gates, 'promote-2')).toMatchObject({ id: better.id });
  const worse = await rig.promote(three, gates);
  expect(worse.decision).toBe(PromotionDecision.REJECTED);
  const { modelVersion } = await rig.registry.getModelVersion({ name: modelName('duel'), alias: 'champion' });
  expect(modelVersion).toMatchObject({ name: two, aliases: ['champion'] });
  expect((await rig.registry.listPromotions({ parent: modelName('duel') })).promotions).toHaveLength(3);

  await waitFor(() => promoted.filter(({ modelVersion: name }) => [one, two, three].includes(name)).length >= 2);
  expect(
    promoted
      .filter(({ modelVersion: name }) => [one, two, three].includes(name))
      .map(({ modelVersion: name, alias, previousVersion }) => [name, alias, previousVersion]),
  ).toEqual([
    [one, 'champion', ''],
    [two, 'champion', one],
  ]);
});

test('an evaluation set of another feature service is refused', async () => {
  const evaluationSet = rig.addSet('other', { spec: { featureService: `${WORKSPACE}/featureServices/other` } });
  const [one, two] = [
    await rig.register('services', await rig.addJob('services-1', strong)),
    await rig.register('services', await rig.addJob('services-2', weak)),
  ];
  await rig.registry.setAlias({ modelVersion: one, alias: 'champion' });
  const gates = [{ kind: { case: 'betterThanAlias' as const, value: { metric: 'auc', evaluationSet } } }];
  expect((await rig.promote(two, gates)).execution?.failure?.reason).toBe('EVALUATION_SET_SERVICE');
});

test('aliases are set and removed with their history', async () => {
  const version = await rig.register('aliases', await rig.addJob('aliases', strong));
  const { modelVersion } = await rig.registry.setAlias({ modelVersion: version, alias: 'shadow', comment: 'why' });
  expect(modelVersion?.aliases).toEqual(['shadow']);
  await rig.registry.deleteAlias({ registeredModel: modelName('aliases'), alias: 'shadow' });
  expect(await historyOf('aliases')).toEqual(['ALIAS_REMOVED 1 shadow', 'ALIAS_SET 1 shadow', 'REGISTERED 1']);
  await waitFor(() => promoted.some(({ modelVersion: name, alias }) => name === version && alias === 'shadow'));
});

test('a file that was changed, or a signature that is not ours, is found out', async () => {
  const bytes = await modelFrom('x', 99);
  const name = await rig.register('verified', await rig.addJob('verified', bytes));
  const { modelVersion } = await rig.registry.verifyModelVersion({ name });
  const path = await rig.platform.blobs.localPath(modelVersion?.model?.digest as Digest);
  const changed = Uint8Array.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  await chmod(path, 0o644);
  await writeFile(path, changed);
  await expect(rig.registry.verifyModelVersion({ name })).rejects.toMatchObject({
    code: 'DATA_LOSS',
    reason: 'MODEL_DIGEST_MISMATCH',
  });
});

test('a model is deleted with its versions; an etag of before is refused', async () => {
  const version = await rig.register('gone', await rig.addJob('gone', strong));
  await rig.registry.setAlias({ modelVersion: version, alias: 'champion' });
  await expect(
    rig.registry.deleteRegisteredModel({ name: modelName('gone'), etag: 'of-before' }),
  ).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
  await rig.registry.deleteRegisteredModel({ name: modelName('gone') });
  for (const call of [
    rig.registry.getRegisteredModel({ name: modelName('gone') }),
    rig.registry.getModelVersion({ name: version }),
    rig.registry.deleteRegisteredModel({ name: modelName('gone') }),
  ])
    await expect(call).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('pages give each version once, newest first', async () => {
  for (let i = 1; i <= 5; i++) await rig.register('pages', await rig.addJob(`pages-${i}`, strong));
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await rig.registry.listModelVersions({ parent: modelName('pages'), pageSize: 2, pageToken });
    expect(page.modelVersions.length).toBeLessThanOrEqual(2);
    seen.push(...page.modelVersions.map(({ name }) => name.split('/').at(-1) as string));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(seen).toEqual(['5', '4', '3', '2', '1']);
  await expect(
    rig.registry.listModelVersions({ parent: modelName('pages'), pageToken: 'no token' }),
  ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
