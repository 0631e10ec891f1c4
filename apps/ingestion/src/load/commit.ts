import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { create, toJson } from '@bufbuild/protobuf';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { TableRefSchema } from '@millrace/contracts/millrace/common/v1/table';
import { DatasetVersionState, WriteDisposition } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import {
  DatasetVersionCommittedSchema,
  IngestionRunFinishedSchema,
  SchemaChangedSchema,
} from '@millrace/contracts/millrace/ingestion/v1/ingestion_events';
import type { IngestionSpec } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { emitEvent } from '@millrace/events';
import type { JobContext } from '@millrace/jobs';
import { AppError, notFound } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import type { IngestionDeps } from '../deps.ts';
import type { CursorPosition } from '../domain/cursor.ts';
import { etagOf } from '../domain/etag.ts';
import type { Fit } from '../domain/fitSchema.ts';
import { versionName } from '../domain/versionNames.ts';
import { lockDataset, nextVersion, updateDataset } from '../store/datasets.ts';
import { insertBatch, insertReplays, type LetterKey } from '../store/deadLetters.ts';
import { findRun, finishRun } from '../store/runs.ts';
import { findBase, insertVersion, type VersionRow } from '../store/versions.ts';
import { tableRefFromJson, toDatasetVersion, toTableRef } from '../translate.ts';
import type { LetterResult } from './letters.ts';
import { candidatePending, type LoadPayload, type LoadPlan } from './plan.ts';
import type { Written } from './write.ts';

/** What a load has made: all of it lies in the blob store already. */
export interface LoadOutcome extends Written {
  readonly manifestBlob: { readonly digest: string; readonly sizeBytes: number };
  readonly letters: LetterResult;
  readonly position: { readonly column: string; readonly position: CursorPosition } | undefined;
  readonly replayed: readonly LetterKey[];
}

const DISPOSITIONS = {
  append: WriteDisposition.APPEND,
  replace: WriteDisposition.REPLACE,
  merge: WriteDisposition.MERGE,
} as const;

/**
 * Commits a candidate version with its cursor, counters, dead letters, run and events in one fenced transaction. Errors:
 * FAILED_PRECONDITION `CANDIDATE_PENDING`, ABORTED `DATASET_CHANGED` (the job is then run again), NOT_FOUND `DATASET_NOT_FOUND`.
 */
export function commitLoad(
  deps: IngestionDeps,
  ctx: JobContext<LoadPayload>,
  load: { readonly spec: IngestionSpec; readonly plan: LoadPlan; readonly fit: Fit; readonly outcome: LoadOutcome },
): Promise<void> {
  const { plan, fit, outcome } = load;
  const runName = ctx.payload.run;
  return ctx.commit(async (tx) => {
    const dataset = await lockDataset(tx, plan.dataset.name);
    if (!dataset) throw notFound('Dataset', plan.dataset.name);
    if ((await findRun(tx, runName))?.isFinished) return;
    const base = await findBase(tx, dataset.name);
    if (base?.state === DatasetVersionState.CANDIDATE) throw candidatePending(base);
    if (base?.version !== plan.base?.version) throw datasetChanged(dataset.name);
    const now = deps.platform.clock.now();
    const row = versionRow(load, await nextVersion(tx, dataset.name), runName, now);
    await insertVersion(tx, row);
    await registerLetters(tx, row, outcome.letters);
    if (outcome.replayed.length > 0) await insertReplays(tx, dataset.name, outcome.replayed, row.version);
    const changed = { ...dataset, latestVersion: row.version, updateTime: now };
    await updateDataset(tx, { ...changed, etag: etagOf(changed) });
    await finishRun(tx, {
      name: runName,
      datasetVersion: row.version,
      readRows: outcome.loadedRows + outcome.letters.rows + outcome.letters.discarded,
      quarantinedRows: outcome.letters.rows,
      discardedRows: outcome.letters.discarded,
      writtenBytes: outcome.writtenBytes,
    });
    const name = versionName(dataset.name, row.version);
    await emitEvent(tx, {
      subject: 'millrace.ingestion.v1.dataset_version.committed',
      resource: name,
      schema: DatasetVersionCommittedSchema,
      message: { datasetVersion: toDatasetVersion(row) },
    });
    if (plan.base && fit.changes.length > 0) await emitSchemaChanged(tx, name, plan.base, row);
    await emitFinished(tx, {
      ingestionRun: runName,
      dataset: dataset.name,
      state: JobState.SUCCEEDED,
      datasetVersion: name,
    });
  });
}

/** Ends a load that found nothing new: no version, and the cursor stays where it is. */
export function commitNothing(deps: IngestionDeps, ctx: JobContext<LoadPayload>, spec: IngestionSpec): Promise<void> {
  const name = ctx.payload.run;
  const none = { datasetVersion: null, readRows: 0, quarantinedRows: 0, discardedRows: 0, writtenBytes: 0 };
  deps.logger.info('nothing new to load', { run: name, dataset: spec.dataset });
  return ctx.commit(async (tx) => {
    if ((await findRun(tx, name))?.isFinished) return;
    await finishRun(tx, { name, ...none });
    await emitFinished(tx, { ingestionRun: name, dataset: spec.dataset, state: JobState.SUCCEEDED });
  });
}

/** Tells the world that a load has ended. */
export function emitFinished(tx: Tx, message: MessageInitShape<typeof IngestionRunFinishedSchema>): Promise<void> {
  return emitEvent(tx, {
    subject: 'millrace.ingestion.v1.ingestion_run.finished',
    resource: message.ingestionRun ?? '',
    schema: IngestionRunFinishedSchema,
    message,
  });
}

function versionRow(
  { plan, outcome }: { readonly plan: LoadPlan; readonly outcome: LoadOutcome },
  version: number,
  ingestionRun: string,
  createTime: Date,
): VersionRow {
  const { manifest, manifestBlob, letters, position } = outcome;
  const cursors = { ...plan.positions, ...(position && { [position.column]: position.position }) };
  return {
    dataset: plan.dataset.name,
    version,
    state: DatasetVersionState.CANDIDATE,
    tableRef: toJson(TableRefSchema, create(TableRefSchema, toTableRef(manifest, manifestBlob))) as JsonObject,
    parent: plan.base?.version ?? null,
    ingestionRun,
    writeDisposition: DISPOSITIONS[plan.disposition],
    loadedRows: outcome.loadedRows,
    quarantinedRows: letters.rows,
    quarantinedByRule: letters.countByRule,
    cursorText: position?.position.value ?? (plan.disposition === 'replace' ? '' : (plan.base?.cursorText ?? '')),
    cursors,
    addedFiles: outcome.addedFiles,
    validationRun: '',
    rejection: '',
    createTime,
    settleTime: null,
  };
}

async function registerLetters(tx: Tx, row: VersionRow, letters: LetterResult): Promise<void> {
  if (!letters.blob) return;
  const { dataset, version } = row;
  const { digest, sizeBytes } = letters.blob;
  await insertBatch(tx, {
    dataset,
    version,
    stage: 'l',
    digest,
    sizeBytes,
    rows: letters.rows,
    countByRule: letters.countByRule,
  });
}

function emitSchemaChanged(tx: Tx, datasetVersion: string, base: VersionRow, row: VersionRow): Promise<void> {
  const [before, after] = [tableRefFromJson(base.tableRef).schema, tableRefFromJson(row.tableRef).schema];
  return emitEvent(tx, {
    subject: 'millrace.ingestion.v1.schema.changed',
    resource: datasetVersion,
    schema: SchemaChangedSchema,
    message: { datasetVersion, ...(before && { before }), ...(after && { after }) },
  });
}

function datasetChanged(dataset: string): AppError {
  return new AppError(
    'ABORTED',
    `${dataset} got another version while this load was reading. The load is tried again.`,
    {
      reason: 'DATASET_CHANGED',
      fields: { dataset },
    },
  );
}
