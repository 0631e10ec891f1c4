import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AppError } from '@millrace/kernel';
import { parsePipelineFile } from '@millrace/pipelines';
import { WHOLE } from './pipelines.ts';
import type { Rig } from './rig.ts';
import { apply, createRig, pipelinesOf } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
});
afterAll(() => rig.platform.stop());

const refusal = async (yaml: string): Promise<AppError> => {
  const [pipeline] = pipelinesOf(yaml);
  if (!pipeline) throw new Error('no pipeline');
  return await rig.orchestrator.applyPipeline({ pipeline }).then(
    () => Promise.reject(new Error('it was accepted')),
    (error: AppError) => error,
  );
};
const INGEST = 'ingest: { source: workspaces/default/sources/none, dataset: flights }';

test('everything wrong with a pipeline is told at once, with its place, and nothing is stored', async () => {
  const error = await refusal(`
name: wrong
parameters: [{ name: until }]
steps:
  - { id: a, after: [b], ${INGEST} }
  - { id: b, register: { registeredModel: m, trainingJob: "\${steps.a.datasetVersion}" } }
  - { id: b, materialize: { featureViews: [v], asOf: "\${parameters.untill}" } }
  - { id: c, validate: { datasetVersion: "\${steps.a.datasetVersoin}" } }
  - { id: d, validate: { datasetVersion: "\${steps.zz.rows}" } }
  - { id: e, materialize: { featureViews: [v], asOf: yesterday } }
  - { id: f, materialize: { featureViews: [v], asOf: "\${schedule.time}" } }
  - { id: g, when: { value: x }, materialize: { featureViews: [v], asOf: "\${steps.a" } }
schedules:
  - { id: s, cron: "61 * * * *", parameters: { until: "\${schedule.time}" } }
  - { id: t, cron: "0 0 * * *", timeZone: Mars/Olympus }
triggers:
  - { id: t, subject: millrace.monitoring.v1.alert.rased, parameters: { until: x } }
  - { id: u, subject: millrace.monitoring.v1.alert.raised, filter: { alert.knd: DRIFT }, parameters: { until: x } }
`);
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'PIPELINE_INVALID' });
  const found = error.violations.map(({ field, reason }) => `${field} ${reason}`);
  expect(found).toEqual(
    expect.arrayContaining([
      'steps[2].id STEP_DUPLICATE',
      'steps[2].materialize.asOf REFERENCE_UNKNOWN',
      'steps[3].validate.datasetVersion REFERENCE_UNKNOWN',
      'steps[4].validate.datasetVersion REFERENCE_UNKNOWN',
      'steps[5].materialize.asOf TIME_INVALID',
      'steps[6].materialize.asOf REFERENCE_MISPLACED',
      'steps[7].when CONDITION_EMPTY',
      'steps[7].materialize.asOf REFERENCE_MALFORMED',
      'schedules[0].cron CRON_INVALID',
      'schedules[1].timeZone TIME_ZONE_UNKNOWN',
      'schedules[1].parameters PARAMETER_MISSING',
      'triggers[0].subject REFERENCE_UNKNOWN',
      'triggers[1].filter["alert.knd"] REFERENCE_UNKNOWN',
    ]),
  );
  const hint = error.violations.find(({ field }) => field === 'steps[3].validate.datasetVersion');
  expect(hint?.description).toContain('Did you mean "datasetVersion"?');
  await expect(rig.orchestrator.getPipeline({ name: 'workspaces/default/pipelines/wrong' })).rejects.toMatchObject({
    reason: 'PIPELINE_NOT_FOUND',
  });
});

test('a circle is told with all of its steps, at its line in the file', async () => {
  const yaml = `
name: circle
steps:
  - { id: a, after: [c], ${INGEST} }
  - { id: b, validate: { datasetVersion: "\${steps.a.datasetVersion}" } }
  - { id: c, after: [b], ${INGEST} }
`;
  const error = await refusal(yaml);
  expect(error.violations).toMatchObject([{ field: 'steps[0]', reason: 'STEP_CYCLE' }]);
  expect(error.violations[0]?.description).toContain('"a" waits for "c" waits for "b" waits for "a"');
  const [parsed] = parsePipelineFile(yaml, { path: 'p.yaml', workspace: 'default' });
  expect(parsed?.locate(error).violations[0]?.description).toMatch(/^p\.yaml:4:/);
});

test('names that nothing stands behind, and what the feature store refuses, are told with their place', async () => {
  const misspelt = WHOLE.replace('ingest: { source: file', 'ingest: { source: fil');
  expect((await refusal(misspelt)).violations).toMatchObject([
    { field: 'steps[0].ingest.source', reason: 'REFERENCE_UNKNOWN', description: expect.stringContaining('"file"') },
  ]);
  expect((await refusal(WHOLE.replace('expression: delay', 'expression: nope'))).violations).toMatchObject([
    { field: 'resources.featureViews[0].features[0].expression', reason: 'COLUMN_NOT_FOUND' },
  ]);
  expect(rig.fakes.resources.source.updates).toBe(0);
});

test('planning tells what would change and changes nothing; applying does it; applying again changes nothing', async () => {
  const [pipeline] = pipelinesOf(WHOLE);
  if (!pipeline) throw new Error('no pipeline');
  const planned = await rig.orchestrator.applyPipeline({ pipeline, validateOnly: true });
  expect(new Set(planned.plan.map(({ kind }) => kind))).toEqual(new Set(['CREATE']));
  expect(planned.plan).toHaveLength(9);
  expect(rig.fakes.resources.source.updates).toBe(0);

  const applied = await rig.orchestrator.applyPipeline({ pipeline, yaml: WHOLE });
  expect(applied.pipeline?.etag).not.toBe('');
  const again = await rig.orchestrator.applyPipeline({ pipeline, yaml: WHOLE });
  expect(again.pipeline).toEqual(applied.pipeline);
  expect(new Set(again.plan.map(({ kind }) => kind))).toEqual(new Set(['NONE']));
  expect(rig.fakes.resources.source.updates).toBe(1);

  const changed = pipelinesOf(WHOLE.replace('flights.parquet', 'other.parquet'))[0];
  if (!changed) throw new Error('no pipeline');
  const update = await rig.orchestrator.applyPipeline({ pipeline: changed });
  expect(update.plan.filter(({ kind }) => kind === 'UPDATE').map(({ name }) => name)).toEqual([
    'workspaces/default/sources/file',
    'workspaces/default/pipelines/whole',
  ]);
  await expect(
    rig.orchestrator.applyPipeline({ pipeline: { ...changed, etag: applied.pipeline?.etag ?? '' } }),
  ).rejects.toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
});

test('pipelines are listed by name and deleted with a matching etag only', async () => {
  await apply(rig, WHOLE.replace('name: whole', 'name: another'));
  const name = 'workspaces/default/pipelines/another';
  const page = await rig.orchestrator.listPipelines({ parent: 'workspaces/default', pageSize: 1 });
  expect(page.pipelines.map((pipeline) => pipeline.name)).toEqual([name]);
  const next = await rig.orchestrator.listPipelines({
    parent: 'workspaces/default',
    pageToken: page.nextPageToken,
  });
  expect(next.pipelines.map((pipeline) => pipeline.name)).toEqual(['workspaces/default/pipelines/whole']);
  await expect(rig.orchestrator.deletePipeline({ name, etag: 'other' })).rejects.toMatchObject({
    reason: 'ETAG_MISMATCH',
  });
  await rig.orchestrator.deletePipeline({ name });
  await expect(rig.orchestrator.getPipeline({ name })).rejects.toMatchObject({ reason: 'PIPELINE_NOT_FOUND' });
});
