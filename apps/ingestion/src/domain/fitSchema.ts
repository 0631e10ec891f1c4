import { AppError } from '@millrace/kernel';
import type { ColumnType, Evolution, FieldSpec, SchemaContract, TableSchema } from '@millrace/tables';
import { evolveSchema, fieldNamed, schemaOf } from '@millrace/tables';

/** What the columns of a source mean for a dataset. */
export interface Fit extends Evolution {
  /** The columns to read: those of the schema, and unknown ones that decide whether a row is set aside. */
  readonly read: readonly FieldSpec[];
}

const NUMBERS: ReadonlySet<ColumnType> = new Set(['int32', 'int64', 'float32', 'float64']);

/**
 * Fits a source to a dataset under its contract; without a schema the source fixes it. For text the types are a guess: a
 * column that can be read as the dataset's type is not a difference. Errors: FAILED_PRECONDITION `SCHEMA_FROZEN`, `PRIMARY_KEY_MISSING`.
 */
export function fitSchema(options: {
  readonly current: TableSchema | undefined;
  readonly incoming: readonly FieldSpec[];
  readonly isText: boolean;
  readonly contract: SchemaContract;
  readonly primaryKey: readonly string[];
}): Fit {
  const { current, contract, primaryKey } = options;
  const incoming = current && options.isText ? guessed(current, options.incoming) : options.incoming;
  const evolution: Evolution = current
    ? evolveSchema(current, incoming, contract)
    : { schema: schemaOf(incoming), changes: [], rowRules: [], missing: [] };
  checkPrimaryKey(primaryKey, incoming, current === undefined ? evolution.schema : undefined);
  const unknown = evolution.rowRules.filter(({ kind }) => kind === 'unknown_column');
  return {
    ...evolution,
    read: [
      ...evolution.schema.fields.map(({ name, type }) => ({ name, type })),
      ...unknown.map(({ column, incoming: type }) => ({ name: column, type })),
    ],
  };
}

/** Text says `12` for an int32, an int64, a float32 and a string alike. */
function guessed(current: TableSchema, incoming: readonly FieldSpec[]): FieldSpec[] {
  return incoming.map((column) => {
    const field = fieldNamed(current, column.name);
    if (!field) return column;
    const isSame =
      field.type === 'string' ||
      (column.type === 'int64' && NUMBERS.has(field.type)) ||
      (column.type === 'float64' && field.type === 'float32');
    return isSame ? { ...column, type: field.type } : column;
  });
}

function checkPrimaryKey(
  primaryKey: readonly string[],
  incoming: readonly FieldSpec[],
  schema: TableSchema | undefined,
): void {
  const has = new Set([...incoming, ...(schema?.fields ?? [])].map(({ name }) => name.toLowerCase()));
  const missing = primaryKey.filter((name) => !has.has(name.toLowerCase()));
  if (missing.length === 0) return;
  throw new AppError(
    'FAILED_PRECONDITION',
    `The data lacks ${missing.map((name) => `"${name}"`).join(', ')} of the dataset's primary key. Add the column to the source, or change the key.`,
    { reason: 'PRIMARY_KEY_MISSING', fields: { columns: missing.join(',') } },
  );
}
