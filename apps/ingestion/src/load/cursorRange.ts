import { invalidArgument } from '@millrace/kernel';
import type { ColumnType, TableConnection } from '@millrace/tables';
import { quoteIdentifier, quoteLiteral, sqlType } from '@millrace/tables';
import {
  type CursorPosition,
  type CursorRange,
  type CursorRequest,
  checkCursorType,
  cursorGoesBackwards,
} from '../domain/cursor.ts';

/** The rows that a load takes, and whether there can be any. */
export interface ResolvedRange {
  readonly range: CursorRange;
  /** False when the upper bound is where the last load ended. */
  readonly mayHaveRows: boolean;
}

/**
 * Works out the range of a load from what was asked for and where the last one ended, by the order of the column's
 * type. Errors: INVALID_ARGUMENT `CURSOR_TYPE_INVALID`, `CURSOR_VALUE_INVALID`, `CURSOR_RANGE_EMPTY`;
 * FAILED_PRECONDITION `CURSOR_GOES_BACKWARDS`.
 */
export async function resolveRange(
  connection: TableConnection,
  request: CursorRequest,
  type: ColumnType,
  last: CursorPosition | undefined,
): Promise<ResolvedRange> {
  const { column } = request;
  checkCursorType(column, type);
  const start = await normalized(connection, 'start', request.start, type);
  let upper = await normalized(connection, 'end', request.end, type);
  if (
    upper !== undefined &&
    last === undefined &&
    start !== undefined &&
    (await compare(connection, upper, start, type)) <= 0
  )
    throw invalidArgument('CURSOR_RANGE_EMPTY', [
      {
        field: 'spec.cursor.end',
        reason: 'CURSOR_RANGE_EMPTY',
        description: `${upper} is not after the start ${start}. Give a later end.`,
      },
    ]);
  let mayHaveRows = true;
  if (upper !== undefined && last !== undefined) {
    const order = await compare(connection, upper, last.value, type);
    if (order < 0 && !request.allowBehind) throw cursorGoesBackwards(column, upper, last.value);
    mayHaveRows = order > 0 || (order === 0 && request.lagMs > 0);
    if (order < 0) upper = last.value;
  }
  const lower = last
    ? await lagged(connection, last, request.lagMs, type, column)
    : start && { value: start, isExclusive: false };
  return { range: { column, type, lower: lower || undefined, upper }, mayHaveRows };
}

async function normalized(
  connection: TableConnection,
  bound: 'start' | 'end',
  text: string,
  type: ColumnType,
): Promise<string | undefined> {
  if (text === '') return undefined;
  const [row] = await connection.rows<{ value: string | null }>(
    `SELECT CAST(TRY_CAST($1 AS ${sqlType(type)}) AS VARCHAR) AS value`,
    [text],
  );
  if (row?.value !== null && row?.value !== undefined) return row.value;
  throw invalidArgument('CURSOR_VALUE_INVALID', [
    {
      field: `spec.cursor.${bound}`,
      reason: 'CURSOR_VALUE_INVALID',
      description: `${JSON.stringify(text.slice(0, 80))} is not of the cursor's type ${type}. Write it as ISO 8601 or as a number.`,
    },
  ]);
}

/** -1, 0 or 1, as `a` lies before, at or after `b`. */
async function compare(connection: TableConnection, a: string, b: string, type: ColumnType): Promise<number> {
  const [row] = await connection.rows<{ less: boolean; equal: boolean }>(
    `SELECT a < b AS less, a = b AS equal FROM (SELECT CAST($1 AS ${sqlType(type)}) AS a, CAST($2 AS ${sqlType(type)}) AS b)`,
    [a, b],
  );
  return row!.less ? -1 : row!.equal ? 0 : 1;
}

async function lagged(
  connection: TableConnection,
  last: CursorPosition,
  lagMs: number,
  type: ColumnType,
  column: string,
): Promise<CursorPosition> {
  if (lagMs === 0) return last;
  if (type !== 'timestamp' && type !== 'date') {
    throw invalidArgument('CURSOR_LAG_INVALID', [
      {
        field: 'spec.cursor.lag',
        reason: 'CURSOR_LAG_INVALID',
        description: `The cursor "${column}" is of type ${type}; a lag is a span of time. Use a date or timestamp cursor, or leave the lag out.`,
      },
    ]);
  }
  const [row] = await connection.rows<{ value: string }>(
    `SELECT CAST(CAST(CAST($1 AS TIMESTAMP) - to_milliseconds($2) AS ${sqlType(type)}) AS VARCHAR) AS value`,
    [last.value, lagMs],
  );
  return { value: row!.value, isExclusive: false };
}

/** The greatest of some values, in text form, by the order of the type; `undefined` for none. */
export async function greatestOf(
  connection: TableConnection,
  values: readonly string[],
  type: ColumnType,
): Promise<string | undefined> {
  if (values.length === 0) return undefined;
  const list = values.map((value) => `(CAST(${quoteLiteral(value)} AS ${sqlType(type)}))`).join(', ');
  const [row] = await connection.rows<{ value: string }>(
    `SELECT CAST(max(v) AS VARCHAR) AS value FROM (VALUES ${list}) t(v)`,
  );
  return row?.value;
}

/** The condition for rows in the range; rows without a cursor value are outside of it. */
export function rangeCondition(range: CursorRange, value = quoteIdentifier(range.column)): string {
  const literal = (text: string) => `CAST(${quoteLiteral(text)} AS ${sqlType(range.type)})`;
  const conditions = [`${value} IS NOT NULL`];
  if (range.lower) conditions.push(`${value} ${range.lower.isExclusive ? '>' : '>='} ${literal(range.lower.value)}`);
  if (range.upper !== undefined) conditions.push(`${value} < ${literal(range.upper)}`);
  return conditions.join(' AND ');
}
