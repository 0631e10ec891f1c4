import type { JsonObject } from '@bufbuild/protobuf';
import { toJson } from '@bufbuild/protobuf';
import { TableRefSchema } from '@millrace/contracts/millrace/common/v1/table';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import {
  DatasetVersionPublishedSchema,
  DatasetVersionRejectedSchema,
} from '@millrace/contracts/millrace/ingestion/v1/ingestion_events';
import type { SettleDatasetVersionRequest } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { emitEvent } from '@millrace/events';
import { AppError, type Digest, invalidArgument, isDigest, notFound } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { loadManifest } from '@millrace/tables';
import type { IngestionDeps } from '../deps.ts';
import { etagOf } from '../domain/etag.ts';
import { parseVersionName } from '../domain/versionNames.ts';
import { lockDataset, updateDataset } from '../store/datasets.ts';
import { insertBatch } from '../store/deadLetters.ts';
import { findVersion, settleVersion, type VersionRow } from '../store/versions.ts';
import { toDatasetVersion } from '../translate.ts';

/**
 * Writes a verdict: state, what readers see, dead letters of validation, the dataset's pointer and the event in one
 * transaction. The same verdict again gives the version as it stands. Errors: NOT_FOUND; FAILED_PRECONDITION
 * `DATASET_VERSION_SETTLED`; INVALID_ARGUMENT `TABLE_INVALID`, `DEAD_LETTERS_INVALID`.
 */
export async function settle(deps: IngestionDeps, request: SettleDatasetVersionRequest): Promise<VersionRow> {
  const { dataset: datasetName, version } = parseVersionName(request.name);
  await checkBlobs(deps, request, datasetName);
  return deps.database.withTransaction(async (tx) => {
    const dataset = await lockDataset(tx, datasetName);
    const row = dataset && (await findVersion(tx, datasetName, version));
    if (!row) throw notFound('DatasetVersion', request.name);
    if (row.state === (request.verdict as number)) return row;
    if (row.state !== DatasetVersionState.CANDIDATE) throw alreadySettled(request.name, row);
    const now = deps.platform.clock.now();
    const settled = settledRow(row, request, now);
    await settleVersion(tx, settled);
    await registerLetters(tx, settled, request);
    if (settled.state === DatasetVersionState.PUBLISHED) {
      const changed = { ...dataset, publishedVersion: version, updateTime: now };
      await updateDataset(tx, { ...changed, etag: etagOf(changed) });
    }
    await emitSettled(tx, request.name, settled);
    return settled;
  });
}

function settledRow(row: VersionRow, request: SettleDatasetVersionRequest, settleTime: Date): VersionRow {
  const counts: Record<string, number> = { ...row.quarantinedByRule };
  for (const [rule, count] of Object.entries(request.quarantinedByRule))
    counts[rule] = (counts[rule] ?? 0) + Number(count);
  const isPublished = request.verdict === DatasetVersionState.PUBLISHED;
  return {
    ...row,
    state: request.verdict,
    tableRef: isPublished && request.table ? (toJson(TableRefSchema, request.table) as JsonObject) : row.tableRef,
    quarantinedRows: row.quarantinedRows + Number(request.quarantinedRows),
    quarantinedByRule: counts,
    validationRun: request.validationRun,
    rejection: request.rejection,
    settleTime,
  };
}

/** What is referred to must be there, before readers are sent to it. */
async function checkBlobs(deps: IngestionDeps, request: SettleDatasetVersionRequest, dataset: string): Promise<void> {
  const { table, deadLetters } = request;
  if (table) {
    const digest = table.manifest?.digest ?? '';
    const manifest = isDigest(digest) && (await loadManifest(deps.platform.blobs, digest).catch(() => undefined));
    if (!manifest || manifest.dataset !== dataset || BigInt(manifest.rows) !== table.rows)
      throw invalid(
        'table',
        'TABLE_INVALID',
        `${digest || 'nothing'} is not the manifest of a version of ${dataset} with ${table.rows} rows.`,
      );
  }
  if (deadLetters && !(isDigest(deadLetters.digest) && (await deps.platform.blobs.has(deadLetters.digest as Digest))))
    throw invalid(
      'dead_letters',
      'DEAD_LETTERS_INVALID',
      `There is no blob ${deadLetters.digest}. Store the file first.`,
    );
}

function invalid(field: string, reason: string, description: string): AppError {
  return invalidArgument(reason, [{ field, reason, description }]);
}

async function registerLetters(tx: Tx, row: VersionRow, request: SettleDatasetVersionRequest): Promise<void> {
  if (!request.deadLetters || request.quarantinedRows === 0n) return;
  await insertBatch(tx, {
    dataset: row.dataset,
    version: row.version,
    stage: 'v',
    digest: request.deadLetters.digest,
    sizeBytes: Number(request.deadLetters.sizeBytes),
    rows: Number(request.quarantinedRows),
    countByRule: Object.fromEntries(Object.entries(request.quarantinedByRule).map(([rule, n]) => [rule, Number(n)])),
  });
}

function emitSettled(tx: Tx, resource: string, row: VersionRow): Promise<void> {
  const isPublished = row.state === DatasetVersionState.PUBLISHED;
  return emitEvent(tx, {
    subject: `millrace.ingestion.v1.dataset_version.${isPublished ? 'published' : 'rejected'}`,
    resource,
    schema: isPublished ? DatasetVersionPublishedSchema : DatasetVersionRejectedSchema,
    message: { datasetVersion: toDatasetVersion(row) },
  });
}

function alreadySettled(name: string, row: VersionRow): AppError {
  const verdict = DatasetVersionState[row.state];
  return new AppError(
    'FAILED_PRECONDITION',
    `${name} is ${verdict} already; a verdict is final. Load another version.`,
    {
      reason: 'DATASET_VERSION_SETTLED',
      fields: { name, state: verdict },
    },
  );
}
