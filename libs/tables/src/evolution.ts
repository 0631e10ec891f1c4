import { AppError, type FieldViolation } from '@millrace/kernel';
import { type ColumnType, checkSchema, type Field, type FieldSpec, fieldNamed, type TableSchema } from './schema.ts';

/** What to do when incoming data does not fit the schema: change it, fail, drop the rows, or keep the rows aside. */
export type ContractMode = 'evolve' | 'freeze' | 'discard_row' | 'quarantine';

/** The modes for columns that are not in the schema, and for columns of another type. dlt's schema contract. */
export interface SchemaContract {
  readonly columns: ContractMode;
  readonly types: ContractMode;
}

/** One difference between two schemas. */
export type SchemaChange =
  | { readonly kind: 'added'; readonly id: number; readonly name: string; readonly type: ColumnType }
  | { readonly kind: 'removed'; readonly id: number; readonly name: string; readonly type: ColumnType }
  | { readonly kind: 'renamed'; readonly id: number; readonly name: string; readonly from: string }
  | {
      readonly kind: 'retyped';
      readonly id: number;
      readonly name: string;
      readonly type: ColumnType;
      readonly from: ColumnType;
    }
  | { readonly kind: 'nullability'; readonly id: number; readonly name: string; readonly nullable: boolean };

/** Rows to set aside because of a column: those with a value in an unknown column, or one that does not cast. */
export interface RowRule {
  readonly column: string;
  readonly kind: 'unknown_column' | 'wrong_type';
  /** The type that the data came with. */
  readonly incoming: ColumnType;
  /** The type that the value must cast to; absent for an unknown column. */
  readonly expected?: ColumnType;
  readonly action: 'discard_row' | 'quarantine';
}

/** How data that comes in is to be stored. */
export interface Evolution {
  /** The schema to write with: the current one, with added columns at the end and widened types. */
  readonly schema: TableSchema;
  readonly changes: readonly SchemaChange[];
  /** Rows that the contract sets aside; the reader applies them. */
  readonly rowRules: readonly RowRule[];
  /** Columns of the schema that the data lacks: they are null in the new rows. */
  readonly missing: readonly string[];
}

const WIDER: Readonly<Record<string, readonly ColumnType[]>> = {
  int8: ['int16', 'int32', 'int64', 'float32', 'float64'],
  int16: ['int32', 'int64', 'float32', 'float64'],
  int32: ['int64', 'float64'],
  int64: ['float64'],
  uint8: ['uint16', 'uint32', 'uint64', 'int16', 'int32', 'int64', 'float32', 'float64'],
  uint16: ['uint32', 'uint64', 'int32', 'int64', 'float32', 'float64'],
  uint32: ['uint64', 'int64', 'float64'],
  float32: ['float64'],
  date: ['timestamp'],
};

/**
 * Whether every file of type `from` can be read as `to`. Lossless, with one customary exception: int64 → float64 rounds
 * beyond 2^53. Decimals widen by precision at equal scale.
 */
export function canWiden(from: ColumnType, to: ColumnType): boolean {
  if (from === to || WIDER[from]?.includes(to)) return true;
  const [a, b] = [decimalOf(from), decimalOf(to)];
  return a !== undefined && b !== undefined && a.scale === b.scale && a.precision <= b.precision;
}

function decimalOf(type: ColumnType) {
  const match = /^decimal\((\d+),(\d+)\)$/.exec(type);
  return match ? { precision: Number(match[1]), scale: Number(match[2]) } : undefined;
}

/**
 * Fits the columns of incoming data to the current schema, by name, under a contract. A narrower incoming type always
 * fits. `evolve` adds columns and widens types; a type that cannot be widened (text where a number belongs) is treated as
 * by `freeze`. `freeze` throws FAILED_PRECONDITION `SCHEMA_FROZEN` with every difference. `discard_row` and `quarantine` keep
 * the schema and give rules for the rows. A required column that the data lacks is refused in every mode.
 */
export function evolveSchema(
  current: TableSchema,
  incoming: readonly FieldSpec[],
  contract: SchemaContract,
): Evolution {
  const fields: Field[] = [...current.fields];
  const changes: SchemaChange[] = [];
  const rowRules: RowRule[] = [];
  const violations: FieldViolation[] = [];
  let lastFieldId = current.lastFieldId;

  for (const column of incoming) {
    const field = fieldNamed(current, column.name);
    if (!field) {
      if (contract.columns === 'evolve') {
        lastFieldId += 1;
        fields.push({ ...column, id: lastFieldId, nullable: true });
        changes.push({ kind: 'added', id: lastFieldId, name: column.name, type: column.type });
      } else if (contract.columns === 'freeze') {
        violations.push(
          frozen(
            column.name,
            `Column "${column.name}" (${column.type}) is not in the schema. Remove it from the data, or set the contract's columns to "evolve".`,
          ),
        );
      } else
        rowRules.push({ column: column.name, kind: 'unknown_column', incoming: column.type, action: contract.columns });
    } else if (!canWiden(column.type, field.type)) {
      if (contract.types === 'evolve' && canWiden(field.type, column.type)) {
        fields[fields.indexOf(field)] = { ...field, type: column.type };
        changes.push({ kind: 'retyped', id: field.id, name: field.name, type: column.type, from: field.type });
      } else if (contract.types === 'evolve' || contract.types === 'freeze') {
        violations.push(
          frozen(
            field.name,
            `Column "${field.name}" is ${field.type}, but the data has ${column.type}. Mend the data, or set the contract's types to "quarantine" to keep such rows aside.`,
          ),
        );
      } else {
        rowRules.push({
          column: field.name,
          kind: 'wrong_type',
          incoming: column.type,
          expected: field.type,
          action: contract.types,
        });
      }
    }
  }

  const names = new Set(incoming.map((column) => column.name.toLowerCase()));
  const missing = current.fields.filter((field) => !names.has(field.name.toLowerCase()));
  for (const field of missing.filter((f) => !f.nullable))
    violations.push(
      frozen(field.name, `Column "${field.name}" is required, but the data lacks it. Add it to the data.`),
    );
  if (violations.length > 0) {
    throw new AppError('FAILED_PRECONDITION', violations.map((v) => v.description).join(' '), {
      reason: 'SCHEMA_FROZEN',
      violations,
    });
  }
  return {
    schema: checkSchema({ fields, lastFieldId }),
    changes,
    rowRules,
    missing: missing.map((field) => field.name),
  };
}

function frozen(column: string, description: string): FieldViolation {
  return { field: `columns.${column}`, description, reason: 'SCHEMA_FROZEN' };
}

/** The differences from `a` to `b`, by field id. */
export function diffSchemas(a: TableSchema, b: TableSchema): SchemaChange[] {
  const changes: SchemaChange[] = [];
  for (const { id, name, type } of a.fields)
    if (!b.fields.some((f) => f.id === id)) changes.push({ kind: 'removed', id, name, type });
  for (const { id, name, type, nullable } of b.fields) {
    const before = a.fields.find((f) => f.id === id);
    if (!before) changes.push({ kind: 'added', id, name, type });
    else {
      if (before.name !== name) changes.push({ kind: 'renamed', id, name, from: before.name });
      if (before.type !== type) changes.push({ kind: 'retyped', id, name, type, from: before.type });
      if (before.nullable !== nullable) changes.push({ kind: 'nullability', id, name, nullable });
    }
  }
  return changes;
}
