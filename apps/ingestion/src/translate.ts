import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { fromJson, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { FieldSchema, Schema, TableRef } from '@millrace/contracts/millrace/common/v1/table';
import { DataType, TableRefSchema } from '@millrace/contracts/millrace/common/v1/table';
import type { DatasetSchema, DatasetVersionSchema } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { ContractMode } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionRunSchema } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import { IngestionSpecSchema } from '@millrace/contracts/millrace/ingestion/v1/ingestion_run';
import type { Source } from '@millrace/contracts/millrace/ingestion/v1/source';
import { SourceSchema } from '@millrace/contracts/millrace/ingestion/v1/source';
import type { JobRow } from '@millrace/jobs';
import { toExecution } from '@millrace/jobs';
import type { ColumnType, Manifest, ContractMode as Mode, SchemaContract } from '@millrace/tables';
import { versionName } from './domain/versionNames.ts';
import type { DatasetRow } from './store/datasets.ts';
import type { RunRow } from './store/runs.ts';
import type { SourceRow } from './store/sources.ts';
import type { VersionRow } from './store/versions.ts';

const DATA_TYPES: Readonly<Record<string, DataType>> = {
  boolean: DataType.BOOLEAN,
  int32: DataType.INT32,
  int64: DataType.INT64,
  float32: DataType.FLOAT32,
  float64: DataType.FLOAT64,
  string: DataType.STRING,
  binary: DataType.BINARY,
  date: DataType.DATE,
  timestamp: DataType.TIMESTAMP,
  int8: DataType.INT32,
  int16: DataType.INT32,
  uint8: DataType.INT32,
  uint16: DataType.INT32,
  uint32: DataType.INT64,
  uint64: DataType.INT64,
  timestamptz: DataType.TIMESTAMP,
};

/** The contracts' name of a column type; query results may have types that no dataset has. */
export function toDataType(type: ColumnType): DataType {
  return DATA_TYPES[type] ?? DataType.FLOAT64;
}

/** Columns without stable ids, such as those of a query's result: ids count from 1. */
export function toSchema(columns: readonly { readonly name: string; readonly type: ColumnType }[]): Schema['fields'] {
  return columns.map(({ name, type }, i) => toField({ id: i + 1, name, type, nullable: true }));
}

function toField(field: {
  readonly id: number;
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  readonly doc?: string;
}): Schema['fields'][number] {
  const { id, name, nullable, doc } = field;
  return {
    $typeName: 'millrace.common.v1.Field',
    id,
    name,
    nullable,
    type: toDataType(field.type),
    description: doc ?? '',
  } satisfies MessageInitShape<typeof FieldSchema> as Schema['fields'][number];
}

/** The reference of a stored manifest. */
export function toTableRef(
  manifest: Manifest,
  blob: { digest: string; sizeBytes: number },
): MessageInitShape<typeof TableRefSchema> {
  return {
    manifest: {
      digest: blob.digest,
      sizeBytes: BigInt(blob.sizeBytes),
      mediaType: 'application/vnd.millrace.manifest+json',
    },
    rows: BigInt(manifest.rows),
    sizeBytes: BigInt(manifest.files.reduce((sum, file) => sum + file.bytes, 0)),
    schema: { fields: manifest.schema.fields.map(toField) },
  };
}

/** A reference as it is kept in the database. */
export function tableRefFromJson(json: JsonObject): TableRef {
  return fromJson(TableRefSchema, json);
}

/** A source as callers see it. */
export function toSource(row: SourceRow): Source {
  const source = fromJson(SourceSchema, row.body);
  source.name = row.name;
  source.etag = row.etag;
  source.createTime = timestampFromDate(row.createTime);
  source.updateTime = timestampFromDate(row.updateTime);
  return source;
}

/** What of a source is kept as JSON. */
export function sourceBody(source: Source): JsonObject {
  const { name: _, createTime: __, updateTime: ___, etag: ____, ...body } = source;
  return toJson(SourceSchema, { ...body, name: '', etag: '' }) as JsonObject;
}

/** A dataset as callers see it. */
export function toDataset(row: DatasetRow): MessageInitShape<typeof DatasetSchema> {
  return {
    name: row.name,
    description: row.description,
    primaryKey: [...row.primaryKey],
    schemaContract: { columns: row.columnsMode, types: row.typesMode },
    publishedVersion: row.publishedVersion === null ? '' : versionName(row.name, row.publishedVersion),
    latestVersion: row.latestVersion === null ? '' : versionName(row.name, row.latestVersion),
    createTime: timestampFromDate(row.createTime),
    updateTime: timestampFromDate(row.updateTime),
    etag: row.etag,
  };
}

const MODES: Readonly<Record<number, Mode>> = {
  [ContractMode.EVOLVE]: 'evolve',
  [ContractMode.FREEZE]: 'freeze',
  [ContractMode.DISCARD_ROW]: 'discard_row',
  [ContractMode.QUARANTINE]: 'quarantine',
};

/** The schema contract in force: columns evolve and wrong types are quarantined unless the dataset says otherwise. */
export function toContract(row: DatasetRow): SchemaContract {
  return { columns: MODES[row.columnsMode] ?? 'evolve', types: MODES[row.typesMode] ?? 'quarantine' };
}

/** A version as callers see it. */
export function toDatasetVersion(row: VersionRow): MessageInitShape<typeof DatasetVersionSchema> {
  return {
    name: versionName(row.dataset, row.version),
    state: row.state,
    table: tableRefFromJson(row.tableRef),
    parent: row.parent === null ? '' : versionName(row.dataset, row.parent),
    ingestionRun: row.ingestionRun,
    writeDisposition: row.writeDisposition,
    loadedRows: BigInt(row.loadedRows),
    quarantinedRows: BigInt(row.quarantinedRows),
    quarantinedByRule: toCounts(row.quarantinedByRule),
    cursor: row.cursorText,
    validationRun: row.validationRun,
    rejection: row.rejection,
    createTime: timestampFromDate(row.createTime),
    ...(row.settleTime && { settleTime: timestampFromDate(row.settleTime) }),
    addedFiles: [...row.addedFiles],
  };
}

/** Counters as the contracts want them. */
export function toCounts(counts: Readonly<Record<string, number>>): Record<string, bigint> {
  return Object.fromEntries(Object.entries(counts).map(([rule, count]) => [rule, BigInt(count)]));
}

/** A load as callers see it; how far it has come is told by its job. */
export function toRun(row: RunRow, job: JobRow): MessageInitShape<typeof IngestionRunSchema> {
  return {
    name: row.name,
    spec: fromJson(IngestionSpecSchema, row.spec),
    execution: toExecution(job),
    datasetVersion: row.datasetVersion === null ? '' : versionName(row.dataset, row.datasetVersion),
    readRows: BigInt(row.readRows),
    quarantinedRows: BigInt(row.quarantinedRows),
    discardedRows: BigInt(row.discardedRows),
    writtenBytes: BigInt(row.writtenBytes),
  };
}
