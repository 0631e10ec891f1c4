import type { MessageShape } from '@bufbuild/protobuf';
import type { DurationSchema } from '@bufbuild/protobuf/wkt';
import { DatasetVersionState, WriteDisposition } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionSpec } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { AppError, invalidArgument, notFound } from '@millrace/kernel';
import type { Queryable } from '@millrace/postgres';
import type { CursorPositions, CursorRequest } from '../domain/cursor.ts';
import { versionName } from '../domain/versionNames.ts';
import type { DatasetRow } from '../store/datasets.ts';
import { findDataset } from '../store/datasets.ts';
import type { VersionRow } from '../store/versions.ts';
import { findBase } from '../store/versions.ts';
import type { Disposition } from './write.ts';

/** What a job of kind `ingest` is told. */
export interface LoadPayload {
  readonly run: string;
}

/** What a load starts from. */
export interface LoadPlan {
  readonly dataset: DatasetRow;
  /** The newest version that is not rejected. */
  readonly base: VersionRow | undefined;
  readonly disposition: Disposition;
  readonly cursor: CursorRequest | undefined;
  /** Where earlier loads ended; a load that replaces all rows begins anew. */
  readonly positions: CursorPositions;
}

/**
 * Checks a load against the state of its dataset, before anything is read. Errors: NOT_FOUND `DATASET_NOT_FOUND`;
 * FAILED_PRECONDITION `CANDIDATE_PENDING`, `MERGE_WITHOUT_KEY`; INVALID_ARGUMENT `CURSOR_LAG_INVALID`.
 */
export async function planLoad(q: Queryable, spec: IngestionSpec): Promise<LoadPlan> {
  const dataset = await findDataset(q, spec.dataset);
  if (!dataset) throw notFound('Dataset', spec.dataset);
  const base = await findBase(q, spec.dataset);
  if (base?.state === DatasetVersionState.CANDIDATE) throw candidatePending(base);
  const disposition = dispositionOf(spec);
  if (disposition === 'merge' && dataset.primaryKey.length === 0) {
    throw new AppError(
      'FAILED_PRECONDITION',
      `spec.write_disposition: the dataset ${dataset.name} has no primary key, so rows cannot be merged. Set its primary_key, or append.`,
      { reason: 'MERGE_WITHOUT_KEY', fields: { dataset: dataset.name } },
    );
  }
  const cursor = cursorOf(spec);
  if (cursor && cursor.lagMs > 0 && disposition !== 'merge') {
    throw invalidArgument('CURSOR_LAG_INVALID', [
      {
        field: 'spec.cursor.lag',
        reason: 'CURSOR_LAG_INVALID',
        description:
          'Looking back reads rows again, which only a merge by primary key does not double. Use WRITE_DISPOSITION_MERGE.',
      },
    ]);
  }
  const positions = disposition === 'replace' ? {} : (base?.cursors ?? {});
  return { dataset, base, disposition, cursor, positions };
}

/** FAILED_PRECONDITION `CANDIDATE_PENDING`, naming the version that waits for its verdict. */
export function candidatePending(base: VersionRow): AppError {
  const name = versionName(base.dataset, base.version);
  return new AppError(
    'FAILED_PRECONDITION',
    `${name} waits for its verdict. Settle it (SettleDatasetVersion, or a validation run) before the next load.`,
    { reason: 'CANDIDATE_PENDING', fields: { datasetVersion: name } },
  );
}

function dispositionOf(spec: IngestionSpec): Disposition {
  if (spec.writeDisposition === WriteDisposition.MERGE) return 'merge';
  return spec.writeDisposition === WriteDisposition.REPLACE ? 'replace' : 'append';
}

function cursorOf(spec: IngestionSpec): CursorRequest | undefined {
  if (!spec.cursor) return undefined;
  const { column, start, end, lag, allowBehind } = spec.cursor;
  return { column, start, end, lagMs: lag ? milliseconds(lag) : 0, allowBehind };
}

function milliseconds({ seconds, nanos }: MessageShape<typeof DurationSchema>): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}
