import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { ColumnSchema as FeatureColumn } from '@millrace/features';
import type { ColumnSchema as ProfileColumn } from '@millrace/profiles';
import type { ColumnType, TableSchema } from '@millrace/tables';

/** The contract's type of a table column: narrow integers are widened, decimals become FLOAT64, zoned times TIMESTAMP. */
export function dataTypeOf(type: ColumnType): DataType {
  if (type.startsWith('decimal')) return DataType.FLOAT64;
  switch (type) {
    case 'boolean':
      return DataType.BOOLEAN;
    case 'int64':
    case 'uint32':
    case 'uint64':
      return DataType.INT64;
    case 'float32':
      return DataType.FLOAT32;
    case 'float64':
      return DataType.FLOAT64;
    case 'string':
      return DataType.STRING;
    case 'binary':
      return DataType.BINARY;
    case 'date':
      return DataType.DATE;
    case 'timestamp':
    case 'timestamptz':
      return DataType.TIMESTAMP;
    default:
      return DataType.INT32;
  }
}

/** Whether values of the type are numbers. */
export function isNumeric(type: ColumnType): boolean {
  return /^(u?int|float|decimal)/.test(type);
}

/** The columns that expressions may name; binary columns are left out. */
export function featureColumns(schema: TableSchema): FeatureColumn[] {
  return schema.fields
    .filter(({ type }) => type !== 'binary')
    .map(({ name, type }) => ({ name, type: featureType(type) }));
}

/** The columns that are profiled; binary columns are left out. */
export function profileColumns(schema: TableSchema): ProfileColumn[] {
  return schema.fields
    .filter(({ type }) => type !== 'binary')
    .map(({ name, type }) => ({ name, type: profileType(type) }));
}

function featureType(type: ColumnType): FeatureColumn['type'] {
  if (/^(float|decimal)/.test(type)) return 'float64';
  if (isNumeric(type)) return 'int64';
  return type === 'timestamptz' ? 'timestamp' : (type as FeatureColumn['type']);
}

function profileType(type: ColumnType): ProfileColumn['type'] {
  if (/^(float|decimal)/.test(type)) return 'number';
  if (isNumeric(type)) return 'integer';
  if (type === 'boolean' || type === 'string') return type;
  return 'timestamp';
}
