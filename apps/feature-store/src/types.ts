import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { FeatureType } from '@millrace/features';
import type { TableSchema } from '@millrace/tables';

const FEATURE_TYPES: Readonly<Partial<Record<DataType, FeatureType>>> = {
  [DataType.BOOLEAN]: 'boolean',
  [DataType.INT32]: 'int64',
  [DataType.INT64]: 'int64',
  [DataType.FLOAT32]: 'float64',
  [DataType.FLOAT64]: 'float64',
  [DataType.STRING]: 'string',
  [DataType.DATE]: 'date',
  [DataType.TIMESTAMP]: 'timestamp',
};

const DATA_TYPES: Readonly<Record<FeatureType, DataType>> = {
  boolean: DataType.BOOLEAN,
  int64: DataType.INT64,
  float64: DataType.FLOAT64,
  string: DataType.STRING,
  date: DataType.DATE,
  timestamp: DataType.TIMESTAMP,
};

const SQL_NAMES: Readonly<Partial<Record<DataType, string>>> = {
  [DataType.BOOLEAN]: 'BOOLEAN',
  [DataType.INT32]: 'INTEGER',
  [DataType.INT64]: 'BIGINT',
  [DataType.FLOAT32]: 'FLOAT',
  [DataType.FLOAT64]: 'DOUBLE',
  [DataType.STRING]: 'VARCHAR',
  [DataType.DATE]: 'DATE',
  [DataType.TIMESTAMP]: 'TIMESTAMP',
};

/** The type in which expressions see a column; undefined for BINARY, which they cannot use. */
export function featureTypeOf(type: DataType): FeatureType | undefined {
  return FEATURE_TYPES[type];
}

/** The column type of a value of an expression. */
export function dataTypeOf(type: FeatureType): DataType {
  return DATA_TYPES[type];
}

/** DuckDB's name of a column type that expressions can use. */
export function sqlNameOf(type: DataType): string | undefined {
  return SQL_NAMES[type];
}

/** The contract's name of a type, for messages. */
export function nameOfType(type: DataType): string {
  return DataType[type] ?? String(type);
}

const COLUMN_TYPES: Readonly<Record<string, DataType>> = {
  boolean: DataType.BOOLEAN,
  int8: DataType.INT32,
  int16: DataType.INT32,
  int32: DataType.INT32,
  uint8: DataType.INT32,
  uint16: DataType.INT32,
  uint32: DataType.INT64,
  int64: DataType.INT64,
  uint64: DataType.INT64,
  float32: DataType.FLOAT32,
  float64: DataType.FLOAT64,
  string: DataType.STRING,
  binary: DataType.BINARY,
  date: DataType.DATE,
  timestamp: DataType.TIMESTAMP,
  timestamptz: DataType.TIMESTAMP,
};

/** The contract's form of a table schema. */
export function toFields(schema: TableSchema) {
  return schema.fields.map(({ id, name, type, nullable, doc }) => ({
    id,
    name,
    type: COLUMN_TYPES[type] ?? DataType.FLOAT64,
    nullable,
    description: doc ?? '',
  }));
}
