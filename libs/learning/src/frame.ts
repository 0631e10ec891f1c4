import { AppError, invariant } from '@millrace/kernel';

/** A column of numbers; NaN is a missing value. */
export interface NumericColumn {
  readonly kind: 'numeric';
  readonly values: Float32Array;
}

/**
 * A column of texts from a list of levels; code -1 is a missing value. The level `''` is a missing value as well,
 * because an ONNX text tensor has no other way to say so.
 */
export interface CategoryColumn {
  readonly kind: 'category';
  readonly codes: Int32Array;
  readonly levels: readonly string[];
}

/** One column of a {@link Frame}. */
export type FrameColumn = NumericColumn | CategoryColumn;

/** Raw rows in columns, all of the same length; up to millions of rows. Columns are never changed in place. */
export interface Frame {
  readonly rows: number;
  readonly columns: Readonly<Record<string, FrameColumn>>;
}

/** The length of a column in rows. */
export function columnRows(column: FrameColumn): number {
  return column.kind === 'numeric' ? column.values.length : column.codes.length;
}

/** The column of this name; throws INVALID_ARGUMENT `COLUMN_MISSING` when the frame has none of the asked kind. */
export function columnOf<K extends FrameColumn['kind']>(
  frame: Frame,
  name: string,
  kind: K,
): Extract<FrameColumn, { kind: K }> {
  const column = Object.hasOwn(frame.columns, name) ? frame.columns[name] : undefined;
  if (column?.kind === kind) return column as Extract<FrameColumn, { kind: K }>;
  const found = column ? `is a ${column.kind} column` : 'does not exist';
  throw new AppError(
    'INVALID_ARGUMENT',
    `Column "${name}" ${found}; a ${kind} column is needed. Columns: ${Object.keys(frame.columns).join(', ')}.`,
    { reason: 'COLUMN_MISSING', fields: { column: name, kind } },
  );
}

/**
 * The rows of `frame` at these positions, in this order. Rows that follow each other are a view of the same memory;
 * others are copied. Levels are shared.
 */
export function selectRows(frame: Frame, rows: Uint32Array): Frame {
  const columns: Record<string, FrameColumn> = {};
  for (const [name, column] of Object.entries(frame.columns)) {
    columns[name] =
      column.kind === 'numeric'
        ? { kind: 'numeric', values: selectValues(column.values, rows) }
        : { kind: 'category', codes: selectValues(column.codes, rows), levels: column.levels };
  }
  return { rows: rows.length, columns };
}

/** The rows from `start` up to `end`, not included: a view of the same memory. */
export function sliceRows(frame: Frame, start: number, end: number): Frame {
  const columns: Record<string, FrameColumn> = {};
  for (const [name, column] of Object.entries(frame.columns)) {
    columns[name] =
      column.kind === 'numeric'
        ? { kind: 'numeric', values: column.values.subarray(start, end) }
        : { kind: 'category', codes: column.codes.subarray(start, end), levels: column.levels };
  }
  return { rows: end - start, columns };
}

/** The typed arrays that labels, weights, times and columns come in. */
export type NumberArray = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array;

/** The elements of `values` at these positions; a view of the same memory when they follow each other. */
export function selectValues<T extends NumberArray>(values: T, rows: Uint32Array): T {
  const first = rows[0] ?? 0;
  if (isRange(rows)) return values.subarray(first, first + rows.length) as T;
  const taken = new (values.constructor as new (length: number) => T)(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    invariant(row < values.length, `row ${row} is below ${values.length}`);
    taken[i] = values[row]!;
  }
  return taken;
}

function isRange(rows: Uint32Array): boolean {
  for (let i = 1; i < rows.length; i++) if (rows[i] !== rows[0]! + i) return false;
  return true;
}

/**
 * A frame out of plain arrays, for small data: `null` and `undefined` are missing; a column with a text is a category
 * column with its levels sorted.
 */
export function frameOf(columns: Readonly<Record<string, readonly (number | string | null | undefined)[]>>): Frame {
  const made = Object.entries(columns).map(([name, values]): [string, FrameColumn] => {
    if (!values.some((value) => typeof value === 'string')) {
      return [name, { kind: 'numeric', values: Float32Array.from(values, (value) => Number(value ?? Number.NaN)) }];
    }
    const texts = values.map((value) => (value === null || value === undefined ? undefined : String(value)));
    const levels = [...new Set(texts.filter((text) => text !== undefined))].sort();
    const codes = new Map(levels.map((level, code) => [level, code]));
    const column = texts.map((text) => (text === undefined ? -1 : (codes.get(text) ?? -1)));
    return [name, { kind: 'category', codes: Int32Array.from(column), levels }];
  });
  const rows = made[0] ? columnRows(made[0][1]) : 0;
  return checkFrame({ rows, columns: Object.fromEntries(made) });
}

/** Gives the frame back, or throws INVALID_ARGUMENT `FRAME_INVALID` when columns differ in length or a code is unknown. */
export function checkFrame(frame: Frame): Frame {
  for (const [name, column] of Object.entries(frame.columns)) {
    const length = columnRows(column);
    if (length !== frame.rows) throw invalidFrame(name, `has ${length} rows; the frame has ${frame.rows}.`);
    if (column.kind === 'numeric') continue;
    for (let i = 0; i < length; i++) {
      const code = column.codes[i]!;
      if (code < -1 || code >= column.levels.length) {
        throw invalidFrame(
          name,
          `has code ${code} in row ${i}; codes are -1 (missing) to ${column.levels.length - 1}.`,
        );
      }
    }
  }
  return frame;
}

function invalidFrame(column: string, what: string): AppError {
  return new AppError('INVALID_ARGUMENT', `Column "${column}" ${what}`, {
    reason: 'FRAME_INVALID',
    fields: { column },
  });
}
