import { create, fromJson, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { TableRef } from '@millrace/contracts/millrace/common/v1/table';
import { type DataType, TableRefSchema } from '@millrace/contracts/millrace/common/v1/table';
import type { DataContract } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { DataContractSchema } from '@millrace/contracts/millrace/validation/v1/data_contract';
import type {
  ColumnDrift,
  ColumnSummary,
  ValidationRun,
} from '@millrace/contracts/millrace/validation/v1/validation_run';
import {
  ColumnDriftSchema,
  ColumnSummarySchema,
  ValidationRunSchema,
} from '@millrace/contracts/millrace/validation/v1/validation_run';
import type { JobRow } from '@millrace/jobs';
import { toExecution } from '@millrace/jobs';
import type { ColumnProfile, ColumnDrift as FoundDrift } from '@millrace/profiles';
import { estimateDistinct, histogram, sketchQuantile, validCount, variance } from '@millrace/profiles';
import type { Manifest } from '@millrace/tables';
import { dataTypeOf } from './domain/types.ts';
import type { ContractRow } from './store/contracts.ts';
import type { RunRow } from './store/runs.ts';

/** A contract's row as a message. */
export function contractToProto(row: ContractRow): DataContract {
  const contract = fromJson(DataContractSchema, row.document);
  return {
    ...contract,
    createTime: timestampFromDate(row.createdAt),
    updateTime: timestampFromDate(row.updatedAt),
    etag: row.etag,
  };
}

/** A contract as a row's document: without times and etag. */
export function contractToDocument(contract: DataContract) {
  const { createTime: _c, updateTime: _u, ...rest } = contract;
  return toJson(DataContractSchema, create(DataContractSchema, { ...rest, etag: '' }));
}

/** The run in a row's document. */
export function runOf(row: RunRow): ValidationRun {
  return fromJson(ValidationRunSchema, row.document);
}

/** A run's row as a message, with how far its job has come. */
export function runToProto(row: RunRow, job: JobRow | undefined): MessageInitShape<typeof ValidationRunSchema> {
  return job ? { ...runOf(row), execution: toExecution(job) } : runOf(row);
}

/** A run as a row's document: without its execution, which the job holds. */
export function runToDocument(run: MessageInitShape<typeof ValidationRunSchema>) {
  const { execution: _, ...rest } = create(ValidationRunSchema, run);
  return toJson(ValidationRunSchema, create(ValidationRunSchema, rest));
}

/** A stored manifest as a reference. */
export function tableRefOf(manifest: Manifest, digest: string, sizeBytes: number): TableRef {
  return create(TableRefSchema, {
    manifest: { digest, sizeBytes: BigInt(sizeBytes), mediaType: 'application/vnd.millrace.manifest+json' },
    rows: BigInt(manifest.rows),
    sizeBytes: BigInt(manifest.files.reduce((sum, file) => sum + file.bytes, 0)),
    schema: {
      fields: manifest.schema.fields.map(({ id, name, type, nullable, doc = '' }) => ({
        id,
        name,
        type: dataTypeOf(type),
        nullable,
        description: doc,
      })),
    },
  });
}

const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95];
const TOP_VALUES_MAX = 20;
const BINS = 20;

/** A column's profile in figures that people read. */
export function columnSummary(column: ColumnProfile, type: DataType): ColumnSummary {
  const common = {
    column: column.name,
    type,
    nulls: BigInt(column.nulls),
    distinct: BigInt(Math.round(estimateDistinct(column.distinct))),
  };
  if (column.kind === 'categorical') {
    const topValues = column.top.entries
      .slice(0, TOP_VALUES_MAX)
      .map(({ value, count }) => ({ value, count: BigInt(count) }));
    return create(ColumnSummarySchema, { ...common, topValues });
  }
  const isTime = column.kind === 'timestamp';
  const show = (value: number | null) => (value === null ? '' : isTime ? new Date(value).toISOString() : String(value));
  const spread = variance(column.moments);
  const n = validCount(column);
  return create(ColumnSummarySchema, {
    ...common,
    min: show(column.min),
    max: show(column.max),
    ...(!isTime && n > 0 && { mean: column.moments.mean }),
    ...(!isTime && spread !== null && n > 1 && { stdev: Math.sqrt((spread * n) / (n - 1)) }),
    quantiles:
      isTime || n === 0 ? [] : QUANTILES.map((q) => sketchQuantile(column.quantiles as never, q) ?? Number.NaN),
    histogram: histogram(column, BINS).map(({ lower, upper, count }) => ({
      lower: lower ?? 0,
      upper: upper ?? 0,
      count: BigInt(Math.round(count)),
    })),
  });
}

/** How far a column has moved, as a message. */
export function driftToProto(drift: FoundDrift): ColumnDrift {
  const { metrics } = drift;
  const distances: Record<string, number> = metrics
    ? {
        psi: metrics.psi,
        jensenshannon: metrics.jensenShannonDistance,
        hellinger: metrics.hellinger,
        total_variation: metrics.totalVariation,
        ...(metrics.ks && { ks: metrics.ks.value }),
        ...(metrics.wasserstein && { wasserstein: metrics.wasserstein.value }),
        ...(metrics.wassersteinNormalised && { wasserstein_normalised: metrics.wassersteinNormalised.value }),
      }
    : {};
  return create(ColumnDriftSchema, {
    column: drift.column,
    method: drift.method ?? drift.status,
    value: drift.score ?? 0,
    threshold: drift.threshold ?? 0,
    drifted: drift.drifted,
    distances,
    nullShareChange: drift.missing?.difference ?? 0,
  });
}
