import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { invariant } from '@millrace/kernel';
import type { Database, Subscription } from '@millrace/postgres';
import { withoutTracing } from '@millrace/telemetry';
import { handedBack, jobCancelled, leaseLost } from './errors.ts';
import type { ExecutionDeps } from './execution.ts';
import { Execution } from './execution.ts';
import { claimJob, isCancelRequested, nextDueMs, renewLeases } from './store.ts';
import type { JobKind, JobRunner, JobRunnerOptions } from './types.ts';

const LEASE_DEFAULT_MS = 15_000;
const LEASE_MIN_MS = 300;
const BACKOFF_DEFAULT_MS: readonly number[] = [1000, 5000, 30_000];
/** Leases are renewed, and cancellations seen, at least this often, in milliseconds. */
const HEARTBEAT_MAX_MS = 1000;
/** Notifications wake the runner at once; due times and lapsed leases are looked for at least this often, in milliseconds. */
const POLL_MAX_MS = 2000;
const POLL_MIN_MS = 10;
const RETRY_MS = 500;
const STOP_DEADLINE_DEFAULT_MS = 10_000;

/**
 * Starts working on jobs of these kinds. Jobs are claimed with `for update skip locked`, with leases by the database's
 * clock and a fence that grows with each claim, so that any number of runners may share a table and a worker that was
 * paused cannot write. AppErrors with a code of the request's own fault (INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION,
 * ALREADY_EXISTS, PERMISSION_DENIED, OUT_OF_RANGE, UNIMPLEMENTED, DATA_LOSS) fail a job at once; after others it is tried
 * again with back-off, up to its `maxAttempts`.
 */
export function startJobRunner(options: JobRunnerOptions): Promise<JobRunner> {
  return withoutTracing(() => new Runner(options).start());
}

/** The jobs of one kind that run here. */
interface Lane {
  readonly name: string;
  readonly kind: JobKind;
  readonly executions: Set<Execution>;
  wake(): void;
}

class Runner implements JobRunner {
  readonly #database: Database;
  readonly #deps: ExecutionDeps;
  readonly #leaseMs: number;
  readonly #worker = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`;
  readonly #lanes: Lane[];
  readonly #finished = new Set<Promise<void>>();
  #subscription: Subscription | undefined;
  #loops: Promise<unknown> = Promise.resolve();
  #heartbeat: NodeJS.Timeout | undefined;
  #isStopped = false;
  #stopping: Promise<void> | undefined;

  constructor(options: JobRunnerOptions) {
    const { database, logger, telemetry, backoffMs = BACKOFF_DEFAULT_MS } = options;
    this.#database = database;
    this.#leaseMs = options.leaseMs ?? LEASE_DEFAULT_MS;
    invariant(this.#leaseMs >= LEASE_MIN_MS, `a lease of ${this.#leaseMs} ms is below ${LEASE_MIN_MS} ms`);
    this.#deps = { database, backoffMs, logger, tracer: telemetry.tracer };
    this.#lanes = Object.entries(options.kinds).map(([name, kind]) => ({
      name,
      kind,
      executions: new Set(),
      wake: () => {},
    }));
  }

  async start(): Promise<JobRunner> {
    this.#subscription = await this.#database.listen(`${this.#database.schema}_jobs`, (payload) => this.#hear(payload));
    this.#loops = Promise.all(this.#lanes.map((lane) => this.#runLane(lane)));
    this.#beatLater();
    return this;
  }

  stop({ deadlineMs = STOP_DEADLINE_DEFAULT_MS }: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#isStopped = true;
    for (const lane of this.#lanes) lane.wake();
    await this.#subscription?.close();
    await this.#loops; // a claim that was under way has become an execution
    const executions = this.#executions();
    for (const execution of executions) execution.abort(handedBack(execution.claim.id));
    const timer = setTimeout(() => {
      for (const execution of executions) execution.giveUp();
    }, deadlineMs);
    await Promise.all(this.#finished);
    clearTimeout(timer);
    clearTimeout(this.#heartbeat);
  }

  #executions(): Execution[] {
    return this.#lanes.flatMap(({ executions }) => [...executions]);
  }

  #hear(payload: string): void {
    if (payload === '') for (const lane of this.#lanes) lane.wake();
    const [what, name] = splitOnce(payload);
    if (what === 'pending') this.#lanes.find((lane) => lane.name === name)?.wake();
    if (what !== 'cancel') return;
    const execution = this.#executions().find(({ claim }) => claim.id === name);
    if (execution) void this.#checkCancelled(execution);
  }

  async #checkCancelled(execution: Execution): Promise<void> {
    const { id, fence } = execution.claim;
    const isCancelled = await withoutTracing(() => isCancelRequested(this.#database, id, fence)).catch(() => false);
    if (isCancelled) execution.abort(jobCancelled(id));
  }

  async #runLane(lane: Lane): Promise<void> {
    let isWoken = false;
    while (!this.#isStopped) {
      isWoken = false;
      let resolve = () => {};
      const woken = new Promise<void>((done) => {
        resolve = done;
      });
      lane.wake = () => {
        isWoken = true;
        resolve();
      };
      const waitMs = await this.#fill(lane);
      if (isWoken || this.#isStopped) continue;
      const timer = setTimeout(resolve, waitMs);
      await woken;
      clearTimeout(timer);
    }
  }

  /** Claims until the lane is full or nothing is due; gives how long to wait before looking again. */
  async #fill(lane: Lane): Promise<number> {
    const concurrency = lane.kind.concurrency ?? 1;
    try {
      while (!this.#isStopped && lane.executions.size < concurrency) {
        const claim = await claimJob(this.#database, lane.name, this.#worker, this.#leaseMs);
        if (!claim) {
          const dueMs = await nextDueMs(this.#database, lane.name);
          return Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, dueMs ?? POLL_MAX_MS));
        }
        this.#execute(lane, new Execution(this.#deps, lane.kind, claim));
      }
      return POLL_MAX_MS; // full: the end of an execution wakes the lane
    } catch (error) {
      this.#deps.logger.warn('jobs could not be claimed; trying again', { err: error, kind: lane.name });
      return RETRY_MS;
    }
  }

  #execute(lane: Lane, execution: Execution): void {
    lane.executions.add(execution);
    const finished = execution.run().then(() => {
      lane.executions.delete(execution);
      this.#finished.delete(finished);
      lane.wake();
    });
    this.#finished.add(finished);
  }

  #beatLater(): void {
    const intervalMs = Math.min(HEARTBEAT_MAX_MS, this.#leaseMs / 3);
    this.#heartbeat = setTimeout(async () => {
      await this.#beat();
      if (!this.#isStopped || this.#finished.size > 0) this.#beatLater();
    }, intervalMs);
  }

  async #beat(): Promise<void> {
    const executions = this.#executions();
    if (executions.length === 0) return;
    const at = performance.now();
    try {
      const claims = executions.map(({ claim }) => claim);
      const renewed = await renewLeases(this.#database, claims, this.#leaseMs);
      const cancelledById = new Map(renewed.map(({ id, cancelled }) => [id, cancelled]));
      for (const execution of executions) {
        const { id } = execution.claim;
        const cancelled = cancelledById.get(id);
        if (cancelled === undefined) execution.abort(leaseLost(id));
        else execution.renewedAt = at;
        if (cancelled) execution.abort(jobCancelled(id));
      }
    } catch (error) {
      this.#deps.logger.warn('leases of jobs could not be renewed; trying again', { err: error });
      for (const execution of executions) {
        if (at - execution.renewedAt > this.#leaseMs) execution.abort(leaseLost(execution.claim.id));
      }
    }
  }
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf(' ');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
