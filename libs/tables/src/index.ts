export { toArrowIpc } from './arrow.ts';
export type { ColumnBatch, ColumnData, ColumnValues, ResultColumn } from './batches.ts';
export { isNullAt } from './batches.ts';
export type { ColumnResult, ColumnTable, TableConnection } from './connection.ts';
export { ROWS_MAX } from './connection.ts';
export type { ConnectionOptions, QueryOptions, TableEngine, TableEngineOptions } from './engine.ts';
export { createTableEngine } from './engine.ts';
export type { SqlPosition } from './errors.ts';
export { positionAt } from './errors.ts';
export type { ContractMode, Evolution, RowRule, SchemaChange, SchemaContract } from './evolution.ts';
export { canWiden, diffSchemas, evolveSchema } from './evolution.ts';
export { SQL_LENGTH_MAX } from './guard.ts';
export type {
  ColumnStatistics,
  DataFile,
  JsonValue,
  Manifest,
  ManifestChange,
  ManifestDiff,
  Operation,
  WrittenFile,
} from './manifest.ts';
export {
  appendManifest,
  createManifest,
  decodeManifest,
  diffManifests,
  encodeManifest,
  loadManifest,
  manifestDigest,
  replaceManifest,
  rewriteManifest,
  saveManifest,
} from './manifest.ts';
export type { Parameter, Parameters } from './parameters.ts';
export type { WriteResult, WriteSpec } from './parquet-writer.ts';
export { describeColumns, FILE_ROWS_MAX, ROW_GROUP_ROWS } from './parquet-writer.ts';
export { readFilesSql, readSql } from './relation.ts';
export type { Row, RowValue } from './rows.ts';
export type { ColumnType, Field, FieldSpec, TableSchema } from './schema.ts';
export { checkSchema, columnTypeOf, fieldNamed, isColumnType, requireField, schemaOf, sqlType } from './schema.ts';
export type { Source, SourceFormat, SourceOptions, TypedSource } from './source.ts';
export { inspectSource, readerSql } from './source.ts';
export { expandSourcePaths, SOURCE_FILES_MAX } from './source-paths.ts';
export { quoteIdentifier, quoteList, quoteLiteral } from './sql.ts';
export type { StagedSource } from './staging.ts';
export { stageSource } from './staging.ts';
export type { QueryResult } from './user-query.ts';
