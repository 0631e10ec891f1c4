import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDirectoryBlobs } from '@millrace/blobs';
import type { MillraceClient } from '@millrace/client';
import { type Execution, JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { Digest } from '@millrace/kernel';
import { sha256 } from '@millrace/kernel';
import { parsePipelineFile } from '@millrace/pipelines';
import { ROOT } from './flights.ts';

/** The workspace of the example. */
export const WORKSPACE = 'workspaces/default';

const PIPELINE = `${WORKSPACE}/pipelines/flight-delays`;
const MODEL = `${WORKSPACE}/registeredModels/flight-delays`;
const ENDPOINT = `${WORKSPACE}/endpoints/flight-delays`;
const DATASET = `${WORKSPACE}/datasets/flights`;
const SECOND_OF_APRIL = '2001-04-02T00:00:00Z';

/** Applies the example's first pipeline, its source read from another file. */
export async function applyExample(client: MillraceClient, dataFile: string): Promise<void> {
  const path = join(ROOT, 'examples/flight-delays/pipeline.yaml');
  const [parsed] = parsePipelineFile(await readFile(path, 'utf8'), { path, workspace: 'default' });
  if (!parsed) throw new Error(`${path} has no pipeline`);
  for (const source of parsed.pipeline.resources?.sources ?? [])
    if (source.location.case === 'file') source.location.value.paths = [dataFile];
  await client.orchestrator.applyPipeline(parsed);
}

/** Starts the first run of the example, as the demo does; gives its name. The same run each time. */
export async function startFirstRun(client: MillraceClient): Promise<string> {
  const { pipelineRun } = await client.orchestrator.createPipelineRun({
    pipeline: PIPELINE,
    parameters: {
      until: '2001-04-01T00:00:00Z',
      trainEnd: '2001-04-01T00:00:00Z',
      evaluationStart: '2001-03-18T00:00:00Z',
      evaluationEnd: '2001-04-01T00:00:00Z',
    },
    requestId: 'first-run',
  });
  return pipelineRun?.name ?? '';
}

/** Everything that the first run has left behind, in figures: names made of random ids are left out. */
export async function countTraces(client: MillraceClient) {
  const parent = { parent: WORKSPACE, pageSize: 1000 };
  const [versions, letters, loads, verdicts, sets, filled, jobs, models, promotions, history, deployments, runs] =
    await Promise.all([
      client.ingestion.listDatasetVersions({ parent: DATASET, pageSize: 1000 }),
      client.ingestion.listDeadLetters({ parent: DATASET, pageSize: 1000 }),
      client.ingestion.listIngestionRuns(parent),
      client.validation.listValidationRuns(parent),
      client.featureStore.listTrainingSets(parent),
      client.featureStore.listMaterializations(parent),
      client.training.listTrainingJobs(parent),
      client.registry.listModelVersions({ parent: MODEL, pageSize: 1000 }),
      client.registry.listPromotions({ parent: MODEL, pageSize: 1000 }),
      client.registry.listModelHistory({ parent: MODEL, pageSize: 1000 }),
      client.serving.listDeployments({ parent: ENDPOINT, pageSize: 1000 }),
      client.orchestrator.listPipelineRuns(parent),
    ]);
  return {
    pipelineRuns: runs.pipelineRuns.map(({ execution }) => execution?.state),
    datasetVersions: versions.datasetVersions.map(({ name, state, table, quarantinedRows }) => ({
      name,
      state,
      rows: table?.rows,
      quarantinedRows,
      sizeBytes: table?.sizeBytes,
    })),
    deadLetters: letters.deadLetters.map(({ rowJson, rules }) => ({ rowJson, rules })),
    ingestionRuns: loads.ingestionRuns.map(({ execution }) => execution?.state),
    validationRuns: verdicts.validationRuns.map(({ execution, result }) => ({
      state: execution?.state,
      verdict: result?.verdict,
      evaluated: result?.evaluatedRows,
      quarantined: result?.quarantinedRows,
    })),
    trainingSetRows: sets.trainingSets
      .filter(succeeded)
      .map(({ table }) => Number(table?.rows))
      .sort((a, b) => a - b),
    materializations: filled.materializations.filter(succeeded).length,
    trainingJobs: jobs.trainingJobs.filter(succeeded).length,
    modelVersions: models.modelVersions.map(({ name, aliases, metrics }) => ({ name, aliases, metrics })),
    promotions: promotions.promotions.map(({ decision }) => decision),
    history: history.entries.map(({ kind, modelVersion, alias }) => ({ kind, modelVersion, alias })),
    deployments: deployments.deployments.map(({ execution, modelVersion, active }) => [
      execution?.state,
      modelVersion,
      active,
    ]),
    online: await onlineRow(client),
    prediction: await predict(client),
  };
}

const succeeded = ({ execution }: { readonly execution?: Execution | undefined }) =>
  execution?.state === JobState.SUCCEEDED;

/**
 * Codes and messages of the computations that did not succeed. A job whose process died several times is given up
 * (`UNAVAILABLE`), and its step begins a new one: that leaves a record, and nothing else.
 */
export async function failures(client: MillraceClient): Promise<{ code: string; message: string }[]> {
  const parent = { parent: WORKSPACE, pageSize: 1000 };
  const [sets, filled, jobs] = await Promise.all([
    client.featureStore.listTrainingSets(parent),
    client.featureStore.listMaterializations(parent),
    client.training.listTrainingJobs(parent),
  ]);
  return [...sets.trainingSets, ...filled.materializations, ...jobs.trainingJobs]
    .filter((one) => !succeeded(one))
    .map(({ execution }) => ({ code: execution?.failure?.code ?? '', message: execution?.failure?.message ?? '' }));
}

/**
 * The content of the model files, oldest first, as digests. A model file names the digest of its training set, which names
 * the set: that is left out, so files of equal content in two data directories are equal here.
 */
export async function modelContents(client: MillraceClient, dataDirectory: string): Promise<string[]> {
  const blobs = await createDirectoryBlobs({ directory: join(dataDirectory, 'blobs') });
  const [{ modelVersions }, { trainingSets }] = await Promise.all([
    client.registry.listModelVersions({ parent: MODEL }),
    client.featureStore.listTrainingSets({ parent: WORKSPACE }),
  ]);
  const setDigests = trainingSets.filter(succeeded).map(({ table }) => table?.manifest?.digest ?? '');
  const contents = modelVersions.map(async ({ model }) => {
    const text = Buffer.from(await blobs.bytes(model?.digest as Digest)).toString('latin1');
    const named = setDigests.filter((digest) => text.includes(digest));
    if (named.length !== 1) throw new Error(`The model file names ${named.length} training sets.`);
    return sha256(Buffer.from(text.replaceAll(named[0] as string, ''), 'latin1'));
  });
  return (await Promise.all(contents)).reverse();
}

/** Ten flights of April 2, back and forth between these airports. */
const AIRPORTS = ['ATL', 'ORD', 'DFW', 'LAX', 'PHX', 'DEN', 'STL', 'DTW', 'MSP', 'LAS'];

async function onlineRow(client: MillraceClient) {
  const values = (list: readonly string[]) => ({
    values: list.map((stringValue) => ({ kind: { case: 'stringValue' as const, value: stringValue } })),
  });
  const micros = BigInt(Date.parse(SECOND_OF_APRIL)) * 1000n;
  const wholes = (value: bigint) => ({
    values: AIRPORTS.map(() => ({ kind: { case: 'int64Value' as const, value } })),
  });
  const { featureNames, results } = await client.featureStore.getOnlineFeatures({
    featureService: `${WORKSPACE}/featureServices/flight-delays`,
    columns: {
      date: wholes(micros),
      origin: values(AIRPORTS),
      destination: values(AIRPORTS.toReversed()),
      distance: wholes(800n),
    },
  });
  return Object.fromEntries(featureNames.map((name, i) => [name, results[i]?.values.map(({ kind }) => kind.value)]));
}

async function predict(client: MillraceClient): Promise<number[]> {
  const encoder = new TextEncoder();
  const shape = [BigInt(AIRPORTS.length), 1n];
  const texts = (name: string, list: readonly string[]) => ({
    name,
    datatype: 'BYTES',
    shape,
    contents: { bytesContents: list.map((text) => encoder.encode(text)) },
  });
  const answer = await client.inference.modelInfer({
    modelName: 'flight-delays',
    inputs: [
      texts(
        'date',
        AIRPORTS.map(() => SECOND_OF_APRIL),
      ),
      { name: 'distance', datatype: 'INT64', shape, contents: { int64Contents: AIRPORTS.map(() => 800n) } },
      texts('origin', AIRPORTS),
      texts('destination', AIRPORTS.toReversed()),
    ],
    parameters: { log: { parameterChoice: { case: 'boolParam', value: false } } },
  });
  return [...(answer.outputs[0]?.contents?.fp32Contents ?? [])];
}
