import { types } from 'node:util';
import { AppError } from '@millrace/kernel';

/** What the server says about a failure; https://www.postgresql.org/docs/current/protocol-error-fields.html */
interface ServerError extends Error {
  readonly code: string;
  readonly constraint?: string;
}

/** The SQLSTATE of an error of the server, or undefined when `error` is something else. */
export function sqlState(error: unknown): string | undefined {
  const code = types.isNativeError(error) ? (error as Partial<ServerError>).code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && 'severity' in (error as object) ? code : undefined;
}

function violates(error: unknown, state: string, constraint: string | undefined): boolean {
  if (sqlState(error) !== state) return false;
  return constraint === undefined || (error as ServerError).constraint === constraint;
}

/** Whether a unique constraint or primary key (this one, when named) refused the row. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return violates(error, '23505', constraint);
}

/** Whether a foreign key (this one, when named) refused the row or its deletion. */
export function isForeignKeyViolation(error: unknown, constraint?: string): boolean {
  return violates(error, '23503', constraint);
}

/** Whether a check constraint (this one, when named) refused the row. */
export function isCheckViolation(error: unknown, constraint?: string): boolean {
  return violates(error, '23514', constraint);
}

/** Whether the transaction may succeed when it is run again: a serialization failure or a deadlock. */
export function isRetryable(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}

/** Whether the statement ran longer than `statementTimeoutMs`, or was cancelled by hand (57014). */
export function isStatementTimeout(error: unknown): boolean {
  return sqlState(error) === '57014';
}

/** Server states that mean "not now": shutting down, starting, out of connections, and the connection exceptions. */
const UNAVAILABLE_STATES = /^(08...|57P01|57P02|57P03|57P05|53300)$/;
const UNAVAILABLE_SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
/** pg has no codes for these; the texts are those of pg 8.23 (client.js) and pg-pool 3. */
const UNAVAILABLE_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection error)/;

/** Whether the server could not be reached, refused the connection for now, or went away. */
export function isConnectionFailure(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return UNAVAILABLE_STATES.test(state);
  if (!types.isNativeError(error)) return false; // by structure: errors may come from another realm
  if (error.name === 'AggregateError') return (error as AggregateError).errors.every(isConnectionFailure);
  return (
    UNAVAILABLE_SYSTEM_CODES.has((error as NodeJS.ErrnoException).code ?? '') ||
    UNAVAILABLE_MESSAGES.test(error.message)
  );
}

/** Gives the error to throw: a lost connection becomes AppError UNAVAILABLE `DATABASE_UNAVAILABLE`, all else stays. */
export function translateError(error: unknown): unknown {
  if (!isConnectionFailure(error)) return error;
  return new AppError(
    'UNAVAILABLE',
    `PostgreSQL cannot be reached (${(error as Error).message || (error as NodeJS.ErrnoException).code}). Check that the server runs and takes connections, then try again.`,
    { reason: 'DATABASE_UNAVAILABLE', cause: error, retryAfterMs: 1000 },
  );
}
