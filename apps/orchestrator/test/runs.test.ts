import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PromotionDecision } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { Verdict } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { readTrace } from '@millrace/telemetry';
import { waitFor } from '@millrace/testing';
import { LOAD, WHOLE } from './pipelines.ts';
import type { Rig } from './rig.ts';
import { apply, createRig, runToEnd, stateOf, statesOf, stepOf, untilOver } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
  await apply(rig, await readFile(join(import.meta.dirname, '../../../examples/flight-delays/pipeline.yaml'), 'utf8'));
  await apply(rig, WHOLE);
  await apply(rig, LOAD);
});
afterAll(() => rig.platform.stop());

const UNTIL = { until: '2001-04-01T00:00:00Z' };

test('the example runs from load to deployment, its outputs handed from step to step', async () => {
  const run = await runToEnd(rig, 'flight-delays', {
    ...UNTIL,
    trainEnd: '2001-04-01T00:00:00Z',
    evaluationStart: '2001-03-01T00:00:00Z',
    evaluationEnd: '2001-04-01T00:00:00Z',
  });
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

test('a second run leaves alone what has not changed and says since when', async () => {
  const first = await runToEnd(rig, 'whole', UNTIL);
  expect(stateOf(first)).toBe('SUCCEEDED');
  rig.fakes.state.isNew = false;
  try {
    const second = await runToEnd(rig, 'whole', UNTIL);
    expect(statesOf(second)).toMatchObject({
      ingest: 'SUCCEEDED',
      validate: 'SUCCEEDED',
      materialize: 'SUCCEEDED',
      set: 'UNCHANGED',
      train: 'UNCHANGED',
      register: 'UNCHANGED',
      promote: 'SUCCEEDED',
    });
    expect(stepOf(second, 'validate').message).toContain('Nothing was new');
    expect(stepOf(second, 'train').unchangedSince).toBe(first.name);
    expect(stepOf(second, 'train').outputs).toEqual(stepOf(first, 'train').outputs);
  } finally {
    rig.fakes.state.isNew = true;
  }
});

test('a condition that does not hold skips the step and what refers to it, not what comes after it', async () => {
  rig.fakes.state.decision = PromotionDecision.REJECTED;
  try {
    const run = await runToEnd(rig, 'whole', UNTIL);
    expect(stateOf(run)).toBe('SUCCEEDED');
    expect(statesOf(run)).toMatchObject({ deploy: 'SKIPPED', redeploy: 'SKIPPED', monitor: 'SUCCEEDED' });
    expect(stepOf(run, 'deploy').message).toContain('"REJECTED"');
  } finally {
    rig.fakes.state.decision = PromotionDecision.PROMOTED;
  }
});

test('a rejected version fails the run; a retry begins at the step that failed', async () => {
  rig.fakes.state.verdict = Verdict.REJECT;
  const run = await runToEnd(rig, 'load');
  expect(stateOf(run)).toBe('FAILED');
  expect(run.execution?.failure).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'DATASET_VERSION_REJECTED' });
  expect(stepOf(run, 'validate').attempt).toBe(1);
  rig.fakes.state.verdict = Verdict.PUBLISH;
  const loads = rig.fakes.ingestion.begun;
  rig.fakes.versions.set(stepOf(run, 'ingest').outputs.datasetVersion ?? '', {
    name: stepOf(run, 'ingest').outputs.datasetVersion ?? '',
  });
  await rig.orchestrator.retryPipelineRun({ name: run.name });
  const again = await untilOver(rig, run.name);
  expect(stateOf(again)).toBe('SUCCEEDED');
  expect(again.execution?.attempt).toBe(2);
  expect(rig.fakes.ingestion.begun).toBe(loads);
  await expect(rig.orchestrator.retryPipelineRun({ name: run.name })).rejects.toMatchObject({
    reason: 'PIPELINE_RUN_SUCCEEDED',
  });
});

test('a failure that may pass is tried again with a new request; one that may not ends the step', async () => {
  const { ingestion } = rig.fakes;
  ingestion.failures.push({ code: 'INTERNAL', reason: 'DISK_FULL', message: 'The disk is full.' });
  const before = ingestion.requests.length;
  const run = await runToEnd(rig, 'load');
  expect(stateOf(run)).toBe('SUCCEEDED');
  expect(stepOf(run, 'ingest').attempt).toBe(2);
  const id = run.name.split('/').at(-1);
  expect(ingestion.requests.slice(before)).toEqual([`${id}-ingest-0`, `${id}-ingest-1`]);

  ingestion.failures.push({ code: 'INVALID_ARGUMENT', reason: 'SOURCE_UNREADABLE', message: 'Truncated.' });
  const failed = await runToEnd(rig, 'load');
  expect(stateOf(failed)).toBe('FAILED');
  expect(statesOf(failed)).toEqual({ ingest: 'FAILED', validate: 'SKIPPED' });
  expect(stepOf(failed, 'ingest')).toMatchObject({ attempt: 1, failure: { reason: 'SOURCE_UNREADABLE' } });
});

test('a service that is away is called again with the same request until it is back', async () => {
  const { validation } = rig.fakes;
  validation.awayCalls = 6;
  const before = validation.requests.length;
  const run = await runToEnd(rig, 'load');
  expect(stateOf(run)).toBe('SUCCEEDED');
  expect(stepOf(run, 'validate').attempt).toBe(1);
  const requests = validation.requests.slice(before);
  expect(requests.length).toBe(7);
  expect(new Set(requests).size).toBe(1);
});

test('cancelling stops the remote work and the waiting steps, and lets the next run begin', async () => {
  const { ingestion } = rig.fakes;
  ingestion.isHeld = true;
  const pipeline = 'workspaces/default/pipelines/load';
  const first = await rig.orchestrator.createPipelineRun({ pipeline });
  const second = await rig.orchestrator.createPipelineRun({ pipeline });
  const name = first.pipelineRun?.name ?? '';
  let resource = '';
  await waitFor(async () => {
    const { pipelineRun } = await rig.orchestrator.getPipelineRun({ name });
    resource = pipelineRun?.steps[0]?.resource ?? '';
    return resource !== '' && pipelineRun?.steps[0]?.fraction === 0.5;
  });
  const waiting = await rig.orchestrator.getPipelineRun({ name: second.pipelineRun?.name ?? '' });
  expect(waiting.pipelineRun && stateOf(waiting.pipelineRun)).toBe('PENDING');
  ingestion.isHeld = false;
  await rig.orchestrator.cancelPipelineRun({ name });
  const cancelled = await untilOver(rig, name);
  expect(stateOf(cancelled)).toBe('CANCELLED');
  expect(statesOf(cancelled)).toEqual({ ingest: 'CANCELLED', validate: 'CANCELLED' });
  await waitFor(() => ingestion.cancelled.includes(resource));
  expect(stateOf(await untilOver(rig, second.pipelineRun?.name ?? ''))).toBe('SUCCEEDED');
});

test('the same request gives the same run; wrong parameters are all told', async () => {
  const pipeline = 'workspaces/default/pipelines/whole';
  const request = { pipeline, parameters: UNTIL, requestId: 'once' };
  const first = await rig.orchestrator.createPipelineRun(request);
  const second = await rig.orchestrator.createPipelineRun(request);
  expect(second.pipelineRun?.name).toBe(first.pipelineRun?.name);
  await untilOver(rig, first.pipelineRun?.name ?? '');
  await expect(rig.orchestrator.createPipelineRun({ pipeline, parameters: { untl: 'x' } })).rejects.toMatchObject({
    reason: 'PARAMETERS_INVALID',
    violations: [
      { field: 'parameters["untl"]', reason: 'PARAMETER_UNKNOWN' },
      { field: 'parameters["until"]', reason: 'PARAMETER_MISSING' },
    ],
  });
});

test('runs are listed newest first, page by page', async () => {
  const request = { parent: 'workspaces/default', pipeline: 'workspaces/default/pipelines/load', pageSize: 2 };
  const page = await rig.orchestrator.listPipelineRuns(request);
  const next = await rig.orchestrator.listPipelineRuns({ ...request, pageToken: page.nextPageToken });
  const names = [...page.pipelineRuns, ...next.pipelineRuns].map(({ name }) => name);
  expect(names).toHaveLength(4);
  expect(names).toEqual([...names].sort().reverse());
});

test('the lineage of an endpoint leads back to the file, that of a version on to the endpoint', async () => {
  const { endpoint } = rig.fakes.resources;
  const name = 'workspaces/default/endpoints/flights';
  endpoint.all.set(name, {
    ...endpoint.get(name),
    deployment: rig.fakes.deployments.get(`${name}/deployments/w1`),
  } as never);
  const { nodes, edges } = await rig.orchestrator.getLineage({ name });
  expect(nodes[0]).toMatchObject({ name, kind: 'Endpoint' });
  const kinds = new Set(nodes.map(({ kind }) => kind));
  for (const kind of ['Deployment', 'ModelVersion', 'TrainingJob', 'TrainingSet', 'FeatureService', 'FeatureView'])
    expect(kinds).toContain(kind);
  for (const kind of ['DatasetVersion', 'IngestionRun', 'ValidationRun', 'Source', 'File'])
    expect(kinds).toContain(kind);
  expect(edges).toContainEqual(
    expect.objectContaining({
      source: 'workspaces/default/sources/file',
      target: expect.stringContaining('ingestionRuns'),
    }),
  );
  const down = await rig.orchestrator.getLineage({ name: 'workspaces/default/datasets/flights/versions/1' });
  expect(down.nodes.map(({ kind }) => kind)).toContain('TrainingJob');
  await expect(rig.orchestrator.getLineage({ name: 'workspaces/default/pipelines/whole' })).rejects.toMatchObject({
    reason: 'LINEAGE_KIND_UNKNOWN',
  });
});

test('one trace follows a run: its steps and the calls they make', async () => {
  const run = await runToEnd(rig, 'load');
  const directory = await rig.platform.platform.serviceDirectory('x');
  await rig.platform.platform.telemetry('orchestrator').flush();
  const spans = await readTrace(join(directory, '../..'), run.traceId);
  const spanNames = spans.map(({ name }) => name);
  expect(spanNames).toContain('pipeline_run load');
  expect(spanNames.filter((name) => name === 'job step')).toHaveLength(2);
  expect(spanNames.some((name) => name.includes('CreateIngestionRun'))).toBe(true);
});
