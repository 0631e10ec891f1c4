import type { Duration } from '@bufbuild/protobuf/wkt';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Step } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { ErrorCode } from '@millrace/kernel';
import { AppError, isAppError, messageOf } from '@millrace/kernel';
import type { StoredFailure } from './model.ts';

const ATTEMPTS_DEFAULT = 3;
const BACKOFF_DEFAULT_MS = 1000;
const BACKOFF_MAX_MS = 600_000;
const TIMEOUT_DEFAULT_MS = 3_600_000;

/** Failures that another attempt cannot mend: bad input, missing things, failed gates, a passed deadline. */
const FINAL_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'FAILED_PRECONDITION',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'DATA_LOSS',
  'CANCELLED',
]);

/** How long all attempts of a step together may take, in milliseconds. */
export function timeoutMsOf(step: Step): number {
  return toMs(step.timeout) || TIMEOUT_DEFAULT_MS;
}

/**
 * The wait in milliseconds before the next attempt of a step whose attempt number `attempt` (from 1) failed so, or
 * undefined when it gives up. It doubles each time and is at most ten minutes.
 */
export function retryDelayMs(step: Step, attempt: number, failure: StoredFailure): number | undefined {
  const attemptsMax = step.retry?.attemptsMax || ATTEMPTS_DEFAULT;
  if (attempt >= attemptsMax || FINAL_CODES.has(failure.code) || failure.reason === 'STEP_TIMEOUT') return undefined;
  const base = toMs(step.retry?.backoff) || BACKOFF_DEFAULT_MS;
  return Math.min(base * 2 ** (attempt - 1), BACKOFF_MAX_MS);
}

/** Whether a call failed because its service could not be reached or could not answer now, so that the call is made again. */
export function isAway(error: unknown): boolean {
  if (!isAppError(error)) return false;
  if (error.code === 'RESOURCE_EXHAUSTED') return error.retryAfterMs !== undefined;
  return error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED' || error.code === 'CANCELLED';
}

/** Anything that was thrown, as a failure that can be stored. What is not an AppError becomes INTERNAL. */
export function failureOf(error: unknown): StoredFailure {
  if (!isAppError(error)) {
    return { code: 'INTERNAL', reason: 'INTERNAL', message: messageOf(error), violations: [] };
  }
  const { code, reason, message, violations } = error;
  return { code, reason, message, violations };
}

/** The error that ends a step whose time is over. */
export function stepTimeout(step: Step): AppError {
  const seconds = timeoutMsOf(step) / 1000;
  return new AppError(
    'DEADLINE_EXCEEDED',
    `Step "${step.id}" has not ended within ${seconds} s, all attempts together. Give it a longer timeout, or find out what holds it up.`,
    { reason: 'STEP_TIMEOUT', fields: { step: step.id, timeout_seconds: String(seconds) } },
  );
}

function toMs(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}
