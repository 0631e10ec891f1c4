import type { ErrorCode, FieldViolation } from '@millrace/kernel';
import type { Database, Tx } from '@millrace/postgres';
import type { Logger } from '@millrace/telemetry';
import type { Tracer } from '@opentelemetry/api';

/** `PENDING` waits for a worker, `RUNNING` has one; the others are final. */
export type JobState = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

/** How far a job has come. */
export interface JobProgress {
  /** 0 to 1. */
  readonly fraction: number;
  /** What it is doing, for people. */
  readonly message?: string;
  /** Rows done. */
  readonly rows?: number;
}

/** Why a job failed or was cancelled, or why its last attempt failed. */
export interface JobError {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly violations?: readonly FieldViolation[];
}

/** What is to be done. */
export interface NewJob {
  /** Names the job and its results; enqueuing the same id again does nothing. At most 200 characters. */
  readonly id: string;
  /** Which handler takes it. */
  readonly kind: string;
  /** The name of the run resource that it works for. */
  readonly resource: string;
  /** JSON. Large input goes by reference. */
  readonly payload: unknown;
  /** Attempts before it fails. Default 3. */
  readonly maxAttempts?: number;
  /** Not before this time. Default now. */
  readonly runAt?: Date;
  /** The time from its first start to its end, all attempts together. Default none. */
  readonly deadlineMs?: number;
}

/** A job as it stands in the table. */
export interface JobRow {
  readonly id: string;
  readonly kind: string;
  readonly resource: string;
  readonly payload: unknown;
  readonly state: JobState;
  /** The attempt that runs or ran last, from 1; 0 before the first. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly progress: JobProgress | undefined;
  readonly error: JobError | undefined;
  readonly isCancelRequested: boolean;
  readonly createdTime: Date;
  readonly startedTime: Date | undefined;
  readonly finishedTime: Date | undefined;
}

/** What a handler works with. */
export interface JobContext<P = unknown> {
  readonly id: string;
  readonly resource: string;
  readonly payload: P;
  /** From 1. */
  readonly attempt: number;
  /**
   * Aborted, with an AppError as its reason, on cancellation (`JOB_CANCELLED`), a lost lease (`LEASE_LOST`), shutdown
   * (`JOB_HANDED_BACK`) and the deadline (`JOB_DEADLINE_EXCEEDED`). A handler should then throw soon.
   */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Notes how far the job has come; written at most four times a second, the last one always. */
  progress(progress: JobProgress): void;
  /** What an earlier attempt has saved last. */
  checkpoint<T>(): Promise<T | undefined>;
  /** Saves where a later attempt may go on. JSON. Throws `LEASE_LOST` as `commit` does. */
  saveCheckpoint(value: unknown, tx?: Tx): Promise<void>;
  /**
   * A transaction that first checks the fence of the lease: throws AppError ABORTED `LEASE_LOST` when another worker has
   * the job. All of a job's durable effects go through it.
   */
  commit<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
}

/**
 * Does the work. It may be called again for the same job, after a crash for example, so results are named by the job's id
 * and running again from the last checkpoint changes nothing that was committed.
 */
export type JobHandler<P = unknown> = (context: JobContext<P>) => Promise<void>;

/** A job that has come to a bad end. */
export interface FailedJob<P = unknown> {
  readonly id: string;
  readonly resource: string;
  readonly payload: P;
  readonly state: 'FAILED' | 'CANCELLED';
  readonly error: JobError;
}

/** How one kind of job is worked on. */
export interface JobKind<P = unknown> {
  readonly handler: JobHandler<P>;
  /** Jobs of this kind at a time in this runner. Default 1. */
  readonly concurrency?: number;
  /** Runs in the transaction that marks the job FAILED or CANCELLED, so that the owner's resource changes state with it. */
  readonly onFailed?: (tx: Tx, job: FailedJob<P>) => Promise<void>;
}

/** What a runner works on. */
export interface JobRunnerOptions {
  /** The service's database, whose schema holds `jobsMigrations`. */
  readonly database: Database;
  readonly service: string;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own payload type
  readonly kinds: Readonly<Record<string, JobKind<any>>>;
  /** How long a worker may be silent before another one takes its job. Default 15,000, at least 300. */
  readonly leaseMs?: number;
  /** The pause before attempt 2, 3, …; the last one repeats. Default 1,000, 5,000, 30,000. */
  readonly backoffMs?: readonly number[];
  readonly logger: Logger;
  /** Makes the spans. */
  readonly telemetry: { readonly tracer: Tracer };
}

/** A runner at work. */
export interface JobRunner {
  /**
   * Takes no more jobs, asks the running ones to end, and hands back those that have not succeeded: PENDING again, the
   * attempt not counted. After `deadlineMs` (default 10,000) it hands back also what still runs. Safe to call twice.
   */
  stop(options?: { readonly deadlineMs?: number }): Promise<void>;
}

/** Which jobs to list. */
export interface JobFilter {
  readonly resource?: string;
  readonly kind?: string;
  readonly states?: readonly JobState[];
  /** Default 100, at most 1,000. */
  readonly limit?: number;
}
