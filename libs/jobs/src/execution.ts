import { setTimeout as sleep } from 'node:timers/promises';
import type { AppError } from '@millrace/kernel';
import { isAppError } from '@millrace/kernel';
import type { Database, Tx } from '@millrace/postgres';
import type { Logger } from '@millrace/telemetry';
import { contextFromHeaders, withoutTracing, withSpan } from '@millrace/telemetry';
import type { Tracer } from '@opentelemetry/api';
import { SpanKind } from '@opentelemetry/api';
import { deadlineExceeded, isRetryableFailure, jobCancelled, leaseLost, toJobError, workersLost } from './errors.ts';
import { ProgressWriter } from './progressWriter.ts';
import type { ClaimedJob } from './store.ts';
import { finishJob, loadCheckpoint, lockFenced, releaseJob, saveProgress, storeCheckpoint } from './store.ts';
import type { JobContext, JobKind } from './types.ts';

/** How long a handler may go on after its signal was aborted before the job ends without it, in milliseconds. */
const ABORT_GRACE_MS = 10_000;
/** The pause before writing an outcome again when the database is away, in milliseconds. */
const OUTCOME_RETRY_MS = 500;

/** What executions share. */
export interface ExecutionDeps {
  readonly database: Database;
  readonly backoffMs: readonly number[];
  readonly logger: Logger;
  readonly tracer: Tracer;
}

/** One claimed job on its way to an outcome. */
export class Execution {
  readonly claim: ClaimedJob;
  /** When the lease was renewed last, by `performance.now()`. */
  renewedAt = performance.now();
  readonly #deps: ExecutionDeps;
  readonly #kind: JobKind;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #progress: ProgressWriter;
  #skipGrace: () => void = () => {};

  constructor(deps: ExecutionDeps, kind: JobKind, claim: ClaimedJob) {
    this.#deps = deps;
    this.#kind = kind;
    this.claim = claim;
    this.#logger = deps.logger.child({ job: claim.id, kind: claim.kind, attempt: claim.attempt });
    this.#progress = new ProgressWriter((progress) =>
      withoutTracing(() => saveProgress(deps.database, claim.id, claim.fence, progress)),
    );
  }

  /** Asks the handler to end; the first reason holds. */
  abort(reason: AppError): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
  }

  /** Does not wait for a handler that was asked to end any longer. */
  giveUp(): void {
    this.#skipGrace();
  }

  /** Runs the job to an outcome and records it. Never rejects. */
  async run(): Promise<void> {
    const { claim } = this;
    try {
      const hopeless = this.#hopelessReason();
      const failure = hopeless ? { error: hopeless } : await this.#attempt();
      await this.#progress.close();
      await this.#record(failure);
    } catch (error) {
      this.#logger.error('the outcome of a job could not be recorded; it runs again when its lease ends', {
        err: error,
        resource: claim.resource,
      });
    }
  }

  #hopelessReason(): AppError | undefined {
    const { id, attempt, maxAttempts, isCancelRequested, remainingMs } = this.claim;
    if (isCancelRequested) return jobCancelled(id);
    if (remainingMs !== null && remainingMs <= 0) return deadlineExceeded(id);
    if (attempt > maxAttempts) return workersLost(id, maxAttempts);
    return undefined;
  }

  /** Runs the handler; gives what it failed with, or undefined when it succeeded. */
  async #attempt(): Promise<{ error: unknown } | undefined> {
    const { id, kind, headers, resource, attempt, remainingMs } = this.claim;
    const deadline =
      remainingMs === null
        ? undefined
        : setTimeout(() => this.abort(deadlineExceeded(id)), Math.min(remainingMs, 2 ** 31 - 1));
    const attributes = {
      'messaging.system': 'millrace',
      'messaging.operation.type': 'process',
      'messaging.destination.name': kind,
      'messaging.message.id': id,
      'millrace.job.resource': resource,
      'millrace.job.attempt': attempt,
    };
    const options = { kind: SpanKind.CONSUMER, attributes, parent: contextFromHeaders(headers) };
    try {
      await withSpan(this.#deps.tracer, `job ${kind}`, options, () => this.#runHandler());
      return undefined;
    } catch (error) {
      return { error: this.#abort.signal.aborted ? this.#abort.signal.reason : error };
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Rejects when the handler does, or when it was asked to end and does not within its grace. */
  async #runHandler(): Promise<void> {
    const { promise: graceOver, reject } = Promise.withResolvers<never>();
    const { signal } = this.#abort;
    let timer: NodeJS.Timeout | undefined;
    const startGrace = () => {
      this.#skipGrace = () => reject(signal.reason);
      timer = setTimeout(this.#skipGrace, ABORT_GRACE_MS);
    };
    if (signal.aborted) startGrace();
    else signal.addEventListener('abort', startGrace, { once: true });
    try {
      await Promise.race([this.#kind.handler(this.#context()), graceOver]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', startGrace);
    }
  }

  #context(): JobContext {
    const { id, resource, payload, attempt } = this.claim;
    return {
      id,
      resource,
      payload,
      attempt,
      signal: this.#abort.signal,
      logger: this.#logger,
      progress: (progress) => this.#progress.set(progress),
      checkpoint: async <T>() => ((await loadCheckpoint(this.#deps.database, id)) ?? undefined) as T | undefined,
      saveCheckpoint: (value, tx) =>
        tx ? storeCheckpoint(tx, id, value) : this.#commit((own) => storeCheckpoint(own, id, value)),
      commit: (work) => this.#commit(work),
    };
  }

  #commit<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const { id, fence } = this.claim;
    return this.#deps.database.withTransaction(async (tx) => {
      if (!(await lockFenced(tx, id, fence))) {
        this.abort(leaseLost(id));
        throw leaseLost(id);
      }
      return await work(tx);
    });
  }

  async #record(failure: { error: unknown } | undefined): Promise<void> {
    for (;;) {
      try {
        await (failure === undefined ? this.#succeed() : this.#fail(failure.error));
        return;
      } catch (error) {
        if (reasonOf(error) === 'LEASE_LOST') return;
        if (reasonOf(error) !== 'DATABASE_UNAVAILABLE') throw error;
        await sleep(OUTCOME_RETRY_MS);
      }
    }
  }

  #succeed(): Promise<void> {
    return this.#commit((tx) => finishJob(tx, this.claim.id, 'SUCCEEDED', undefined));
  }

  async #fail(error: unknown): Promise<void> {
    const { id, fence, attempt, maxAttempts } = this.claim;
    const { database, backoffMs } = this.#deps;
    const reason = reasonOf(error);
    if (reason === 'LEASE_LOST') {
      this.#logger.warn('lost the lease of a job');
      return;
    }
    if (reason === 'JOB_HANDED_BACK') {
      await releaseJob(database, id, fence, { delayMs: 0, countsAttempt: false });
      return;
    }
    const isOver = reason === 'JOB_CANCELLED' || reason === 'JOB_DEADLINE_EXCEEDED';
    if (!isOver && isRetryableFailure(error) && attempt < maxAttempts) {
      const delayMs = backoffMs[Math.min(attempt, backoffMs.length) - 1] ?? 0;
      this.#logger.warn('job failed; trying again', { err: error, delayMs });
      await releaseJob(database, id, fence, { delayMs, countsAttempt: true, error: toJobError(error) });
      return;
    }
    if (reason !== 'JOB_CANCELLED') this.#logger.error('job failed', { err: error });
    await this.#end(reason === 'JOB_CANCELLED' ? 'CANCELLED' : 'FAILED', error);
  }

  async #end(state: 'FAILED' | 'CANCELLED', cause: unknown): Promise<void> {
    const { id, resource, payload } = this.claim;
    const error = toJobError(cause);
    await this.#commit(async (tx) => {
      await finishJob(tx, id, state, error);
      await this.#kind.onFailed?.(tx, { id, resource, payload, state, error });
    });
  }
}

function reasonOf(error: unknown): string | undefined {
  return isAppError(error) ? error.reason : undefined;
}
