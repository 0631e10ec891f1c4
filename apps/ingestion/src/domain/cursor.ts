import { AppError, invalidArgument } from '@millrace/kernel';
import type { ColumnType } from '@millrace/tables';

/** Where a load ended: the next one takes rows at or above `value`, above it where `isExclusive`. */
export interface CursorPosition {
  /** In DuckDB's text form of the column's type, for example `2001-04-01 00:00:00`. */
  readonly value: string;
  /** True when the value was the greatest one seen, false when it was the load's own upper bound. */
  readonly isExclusive: boolean;
}

/** The positions of a dataset, by cursor column. */
export type CursorPositions = Readonly<Record<string, CursorPosition>>;

/** What was asked for. */
export interface CursorRequest {
  readonly column: string;
  /** Empty: none. */
  readonly start: string;
  /** Empty: none. */
  readonly end: string;
  readonly lagMs: number;
  /** An end before where the last load ended loads nothing, in place of an error. */
  readonly allowBehind: boolean;
}

/** The rows that a load takes: `lower` (inclusive or exclusive) to `upper` (exclusive). */
export interface CursorRange {
  readonly column: string;
  readonly type: ColumnType;
  readonly lower: CursorPosition | undefined;
  readonly upper: string | undefined;
}

const ORDERED: ReadonlySet<ColumnType> = new Set(['int32', 'int64', 'float32', 'float64', 'date', 'timestamp']);

/** Throws INVALID_ARGUMENT `CURSOR_TYPE_INVALID` unless a column of this type can be a cursor. */
export function checkCursorType(column: string, type: ColumnType): void {
  if (ORDERED.has(type)) return;
  throw invalidArgument('CURSOR_TYPE_INVALID', [
    {
      field: 'spec.cursor.column',
      reason: 'CURSOR_TYPE_INVALID',
      description: `Column "${column}" is of type ${type}. A cursor is a number, a date or a timestamp.`,
    },
  ]);
}

/** FAILED_PRECONDITION `CURSOR_GOES_BACKWARDS`: the upper bound lies before where the last load ended. */
export function cursorGoesBackwards(column: string, end: string, last: string): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `spec.cursor.end: ${end} lies before ${last}, where the last load by "${column}" ended. Give an end at or after it, or replace the dataset.`,
    { reason: 'CURSOR_GOES_BACKWARDS', fields: { column, end, last } },
  );
}

/** The position after a load: its own bound, where it had one, else the greatest value it saw. */
export function positionAfter(range: CursorRange, greatest: string | undefined): CursorPosition | undefined {
  if (range.upper !== undefined) return { value: range.upper, isExclusive: false };
  if (greatest !== undefined) return { value: greatest, isExclusive: true };
  return range.lower;
}
