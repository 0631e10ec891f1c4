import type { ColumnType, FieldSpec } from '@millrace/tables';

/** The column types that the contracts know (`DataType`), as the tables library names them. */
export const DATASET_TYPES = [
  'boolean',
  'int32',
  'int64',
  'float32',
  'float64',
  'string',
  'binary',
  'date',
  'timestamp',
] as const satisfies readonly ColumnType[];

/** A type that a dataset column can have. */
export type DatasetType = (typeof DATASET_TYPES)[number];

const STORED_AS: Readonly<Record<string, DatasetType>> = {
  int8: 'int32',
  int16: 'int32',
  uint8: 'int32',
  uint16: 'int32',
  uint32: 'int64',
  uint64: 'int64',
  timestamptz: 'timestamp',
};

/**
 * The type in which a dataset keeps a column: narrow integers widen to 32 or 64 bits, unsigned 64-bit integers become signed
 * (larger values are dead letters), decimals become float64, moments become UTC timestamps.
 */
export function datasetType(type: ColumnType): DatasetType {
  if (type.startsWith('decimal')) return 'float64';
  return STORED_AS[type] ?? (type as DatasetType);
}

/** Columns as a dataset keeps them. */
export function datasetColumns(columns: readonly FieldSpec[]): FieldSpec[] {
  return columns.map(({ name, type }) => ({ name, type: datasetType(type) }));
}
