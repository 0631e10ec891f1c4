import type { ErrorCode } from '@millrace/kernel';
import { AppError, isAppError, messageOf } from '@millrace/kernel';
import type { JobError } from './types.ts';

const MESSAGE_MAX_LENGTH = 2000;

/** Codes that say that trying again cannot help. */
const FATAL_CODES: ReadonlySet<ErrorCode> = new Set([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'FAILED_PRECONDITION',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'DATA_LOSS',
]);

/** Whether another attempt may succeed: anything but an AppError with a code of the request's own fault. */
export function isRetryableFailure(error: unknown): boolean {
  return !(isAppError(error) && FATAL_CODES.has(error.code));
}

/** What the table keeps of an error. Anything but an AppError is INTERNAL `UNEXPECTED`, its text left to the log. */
export function toJobError(error: unknown): JobError {
  if (!isAppError(error)) {
    const message = `The job failed unexpectedly: ${messageOf(error)}`.slice(0, MESSAGE_MAX_LENGTH);
    return { code: 'INTERNAL', reason: 'UNEXPECTED', message };
  }
  const { code, reason, violations } = error;
  const message = error.message.slice(0, MESSAGE_MAX_LENGTH);
  return violations.length > 0 ? { code, reason, message, violations } : { code, reason, message };
}

/** Another worker has the job, or it has ended. */
export function leaseLost(id: string): AppError {
  return new AppError('ABORTED', `Job ${id} belongs to another worker now; this one stops.`, {
    reason: 'LEASE_LOST',
    fields: { id },
  });
}

/** Somebody asked for the end of the job. */
export function jobCancelled(id: string): AppError {
  return new AppError('CANCELLED', `Job ${id} was cancelled.`, { reason: 'JOB_CANCELLED', fields: { id } });
}

/** The job took longer than it may. */
export function deadlineExceeded(id: string): AppError {
  return new AppError(
    'DEADLINE_EXCEEDED',
    `Job ${id} did not end within its deadline. Give it more time or less work.`,
    {
      reason: 'JOB_DEADLINE_EXCEEDED',
      fields: { id },
    },
  );
}

/** The runner stops; the job goes on elsewhere. */
export function handedBack(id: string): AppError {
  return new AppError('UNAVAILABLE', `Job ${id} was handed back because its runner stops.`, {
    reason: 'JOB_HANDED_BACK',
    fields: { id },
  });
}

/** Every worker that had the job went silent. */
export function workersLost(id: string, attempts: number): AppError {
  return new AppError('UNAVAILABLE', `Job ${id} failed: its workers died or went silent, ${attempts} times.`, {
    reason: 'JOB_WORKER_LOST',
    fields: { id },
  });
}
