import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionRun } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import type { IngestStep, ValidateStep } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import {
  IngestStepSchema,
  ReplayStepSchema,
  ValidateStepSchema,
} from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { ValidationRun } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { Verdict } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { AppError, invalidArgument } from '@millrace/kernel';
import type { ActionCall, ActionOutcome, RemoteState, Started } from './action.ts';
import { action } from './action.ts';

/** Loads a source. Always runs: what the source holds is outside state. */
export const ingest = action<typeof IngestStepSchema>({
  schema: IngestStepSchema,
  async start(spec, { clients, workspace, requestId, options }) {
    const { source, dataset, writeDisposition } = spec;
    const { ingestionRun } = await clients.ingestion.createIngestionRun(
      { parent: workspace, spec: { source, dataset, writeDisposition, ...cursorOf(spec) }, requestId },
      options,
    );
    return { resource: ingestionRun?.name ?? '' };
  },
  watch: watchIngestion,
  stop: stopIngestion,
});

/** Loads dead letters again. Always runs. */
export const replay = action<typeof ReplayStepSchema>({
  schema: ReplayStepSchema,
  async start({ dataset, datasetVersion, correctionsPath, correctedOnly }, { clients, requestId, options }) {
    const { ingestionRun } = await clients.ingestion.replayDeadLetters(
      { dataset, replay: { datasetVersion, correctionsPath, correctedOnly }, requestId },
      options,
    );
    return { resource: ingestionRun?.name ?? '' };
  },
  watch: watchIngestion,
  stop: stopIngestion,
});

/**
 * Judges a version. Without one (nothing was new) it gives the newest published version, unless the newest of all still
 * waits to be judged: then that one is. A version that was judged already by this contract keeps its verdict. Unchanged
 * only where the version has been settled.
 */
export const validate = action<typeof ValidateStepSchema>({
  schema: ValidateStepSchema,
  async start(spec, call) {
    if (spec.datasetVersion !== '') return await judge(spec, spec.datasetVersion, call);
    if (spec.dataset === '') throw versionMissing();
    const { dataset } = await call.clients.ingestion.getDataset({ name: spec.dataset }, call.options);
    const { publishedVersion = '', latestVersion = '' } = dataset ?? {};
    if (latestVersion !== '' && latestVersion !== publishedVersion) {
      const latest = await versionOf(latestVersion, call);
      if (latest?.state === DatasetVersionState.CANDIDATE) return await judge(spec, latestVersion, call);
    }
    if (publishedVersion === '') throw nothingPublished(spec.dataset);
    const version = await versionOf(publishedVersion, call);
    return {
      outcome: {
        outputs: verdictOutputs(publishedVersion, 'PUBLISH', 0n, 0n, version?.validationRun ?? ''),
        message: `Nothing was new; the newest published version is ${publishedVersion}.`,
      },
    };
  },
  async *watch(resource, spec, { clients, options }) {
    for await (const { validationRun } of clients.validation.watchValidationRun({ name: resource }, options)) {
      if (validationRun) yield verdictState(validationRun, spec);
    }
  },
  stop: (resource, { clients, options }) => clients.validation.cancelValidationRun({ name: resource }, options),
  async pins({ datasetVersion, dataContract }, call) {
    if (datasetVersion === '') return undefined;
    const version = await versionOf(datasetVersion, call);
    if (version === undefined || version.state === DatasetVersionState.CANDIDATE) return undefined;
    if (dataContract === '') return { state: version.state };
    const { clients, options } = call;
    const contract = await clients.validation.getDataContract({ name: dataContract }, options);
    return { state: version.state, contract: contract.dataContract?.etag };
  },
});

function cursorOf({ cursorColumn, cursorStart, cursorEnd, cursorAllowBehind: allowBehind }: IngestStep) {
  return cursorColumn === ''
    ? {}
    : { cursor: { column: cursorColumn, start: cursorStart, end: cursorEnd, allowBehind } };
}

async function* watchIngestion(resource: string, _spec: unknown, { clients, options }: ActionCall) {
  for await (const { ingestionRun } of clients.ingestion.watchIngestionRun({ name: resource }, options)) {
    if (ingestionRun) yield { execution: ingestionRun.execution, outcome: () => loadOutcome(ingestionRun) };
  }
}

function stopIngestion(resource: string, { clients, options }: ActionCall): Promise<unknown> {
  return clients.ingestion.cancelIngestionRun({ name: resource }, options);
}

function loadOutcome(run: IngestionRun): ActionOutcome {
  const rows = run.readRows - run.quarantinedRows - run.discardedRows;
  return {
    outputs: {
      datasetVersion: run.datasetVersion,
      rows: String(rows),
      quarantinedRows: String(run.quarantinedRows),
      ingestionRun: run.name,
    },
    rows,
    message: run.datasetVersion === '' ? 'Nothing was new.' : '',
  };
}

async function judge(spec: ValidateStep, datasetVersion: string, call: ActionCall): Promise<Started> {
  const { clients, workspace, requestId, options } = call;
  const version = await versionOf(datasetVersion, call);
  if (version && version.state !== DatasetVersionState.CANDIDATE && version.validationRun !== '') {
    const earlier = await clients.validation.getValidationRun({ name: version.validationRun }, options);
    const run = earlier.validationRun;
    if (run?.dataContract === spec.dataContract && run.result?.verdict) {
      const outcome = verdictState(run, spec).outcome();
      return { outcome: { ...outcome, resource: run.name, message: `${datasetVersion} was judged already.` } };
    }
  }
  const { validationRun } = await clients.validation.createValidationRun(
    { parent: workspace, datasetVersion, dataContract: spec.dataContract, requestId },
    options,
  );
  return { resource: validationRun?.name ?? '' };
}

async function versionOf(name: string, { clients, options }: ActionCall) {
  return (await clients.ingestion.getDatasetVersion({ name }, options)).datasetVersion;
}

function verdictState(run: ValidationRun, { allowReject }: ValidateStep): RemoteState {
  return {
    execution: run.execution,
    outcome() {
      const { verdict, evaluatedRows = 0n, quarantinedRows = 0n, rejection } = run.result ?? {};
      if (verdict === Verdict.REJECT && !allowReject) throw rejected(run, rejection ?? '');
      const text = verdict === Verdict.REJECT ? 'REJECT' : 'PUBLISH';
      return {
        outputs: verdictOutputs(run.datasetVersion, text, evaluatedRows, quarantinedRows, run.name),
        rows: evaluatedRows,
        message: rejection ?? '',
      };
    },
  };
}

function verdictOutputs(
  datasetVersion: string,
  verdict: string,
  rows: bigint,
  quarantinedRows: bigint,
  validationRun: string,
): Record<string, string> {
  return { datasetVersion, verdict, rows: String(rows), quarantinedRows: String(quarantinedRows), validationRun };
}

function rejected(run: ValidationRun, rejection: string): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `Version "${run.datasetVersion}" was rejected: ${rejection || 'see the validation run'}. Mend the data and load it again, or set allowReject to go on.`,
    {
      reason: 'DATASET_VERSION_REJECTED',
      fields: { dataset_version: run.datasetVersion, validation_run: run.name },
    },
  );
}

function nothingPublished(dataset: string): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `Dataset "${dataset}" has no published version and nothing new was loaded. Load data into it first.`,
    { reason: 'DATASET_NOT_PUBLISHED', fields: { dataset } },
  );
}

function versionMissing(): AppError {
  return invalidArgument('DATASET_VERSION_MISSING', [
    {
      field: 'validate.datasetVersion',
      reason: 'DATASET_VERSION_MISSING',
      description: 'is empty and so is "dataset": name a version, or the dataset whose newest version is meant.',
    },
  ]);
}
