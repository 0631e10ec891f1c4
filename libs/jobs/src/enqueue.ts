import { join } from 'node:path';
import type { FieldViolation } from '@millrace/kernel';
import { invalidArgument } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { injectTraceparent } from '@millrace/telemetry';
import type { NewJob } from './types.ts';

const MAX_ATTEMPTS_DEFAULT = 3;
const ID_MAX_LENGTH = 200;
const PAYLOAD_MAX_BYTES = 1_000_000;

/** The table `jobs`, for each service's schema. */
export const jobsMigrations = { name: 'jobs', directory: join(import.meta.dirname, '../migrations') } as const;

/**
 * Enqueues a job in the caller's transaction; runners are woken at its commit. The same id again does nothing. The active
 * trace goes with the job. Throws AppError INVALID_ARGUMENT `JOB_INVALID`.
 */
export async function enqueueJob(tx: Tx, job: NewJob): Promise<void> {
  const payload = JSON.stringify(job.payload ?? null);
  checkJob(job, payload);
  await tx.execute(
    `insert into jobs (id, kind, resource, payload, max_attempts, run_at, deadline_ms, headers)
     values ($1, $2, $3, $4, $5, coalesce($6, now()), $7, $8) on conflict (id) do nothing`,
    [
      job.id,
      job.kind,
      job.resource,
      payload,
      job.maxAttempts ?? MAX_ATTEMPTS_DEFAULT,
      job.runAt ?? null,
      job.deadlineMs ?? null,
      injectTraceparent(),
    ],
  );
}

/**
 * Asks for the end of all jobs of a resource: at the commit a running worker's signal is aborted, and a job that waits is
 * taken by a runner at once to be marked CANCELLED. `onFailed` of the kind runs with state CANCELLED.
 */
export async function cancelJobs(tx: Tx, resource: string): Promise<void> {
  await tx.execute(
    `update jobs set cancel_requested_at = now(), run_at = case state when 'PENDING' then now() else run_at end,
       updated_at = now()
     where resource = $1 and state in ('PENDING', 'RUNNING') and cancel_requested_at is null`,
    [resource],
  );
}

function checkJob(job: NewJob, payload: string): void {
  const violations: FieldViolation[] = [];
  const demand = (holds: boolean, field: string, description: string) => {
    if (!holds) violations.push({ field, description, reason: 'JOB_INVALID' });
  };
  demand(
    job.id.length >= 1 && job.id.length <= ID_MAX_LENGTH,
    'id',
    `An id has 1 to ${ID_MAX_LENGTH} characters, this one has ${job.id.length}.`,
  );
  demand(job.kind !== '', 'kind', 'The kind is empty. Name the handler that takes the job.');
  const bytes = Buffer.byteLength(payload);
  demand(
    bytes <= PAYLOAD_MAX_BYTES,
    'payload',
    `The payload has ${bytes} bytes, more than ${PAYLOAD_MAX_BYTES}. Put the data into the blob store and pass its reference.`,
  );
  const { maxAttempts = 1, deadlineMs = 1 } = job;
  demand(
    Number.isInteger(maxAttempts) && maxAttempts >= 1,
    'maxAttempts',
    `${maxAttempts} is not a whole number from 1.`,
  );
  demand(
    Number.isInteger(deadlineMs) && deadlineMs >= 1,
    'deadlineMs',
    `${deadlineMs} is not a whole number of milliseconds from 1.`,
  );
  if (violations.length > 0) throw invalidArgument('JOB_INVALID', violations);
}
