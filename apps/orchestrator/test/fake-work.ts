import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ExecutionSchema } from '@millrace/contracts/millrace/common/v1/job';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { AppError, notFound } from '@millrace/kernel';

type Execution = MessageInitShape<typeof ExecutionSchema>;

/** One piece of work of a fake service. */
interface Work<R> {
  readonly name: string;
  execution: Execution;
  readonly result: R;
  readonly changed: Set<() => void>;
}

/** A fake service's long work: idempotent by request id, over at once unless held or told to fail, watched by streams. */
export class FakeWork<R> {
  /** Request ids in the order of the calls, repetitions included. */
  readonly requests: string[] = [];
  readonly cancelled: string[] = [];
  /** Pieces of work that were really begun. */
  get begun(): number {
    return this.#byRequest.size;
  }
  /** While true, new work does not end by itself. */
  isHeld = false;
  /** While positive, calls fail as if the service were away, and count this down. */
  awayCalls = 0;
  /** Failures of the next pieces of work, in order. */
  readonly failures: { code: string; reason: string; message: string }[] = [];
  readonly #kind: string;
  readonly #onceOver = new Map<string, () => void>();
  readonly #byName = new Map<string, Work<R>>();
  readonly #byRequest = new Map<string, Work<R>>();

  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Begins work, or gives what this request began. */
  begin(requestId: string, result: (name: string) => R): R & { name: string; execution: Execution } {
    this.requests.push(requestId);
    if (this.awayCalls > 0) {
      this.awayCalls -= 1;
      throw new AppError('UNAVAILABLE', 'away', { reason: 'AWAY' });
    }
    const known = this.#byRequest.get(requestId);
    if (known) return this.#show(known);
    const name = `workspaces/default/${this.#kind}/w${this.#byName.size + 1}`;
    const failure = this.failures.shift();
    const execution: Execution = failure
      ? { state: JobState.FAILED, failure }
      : this.isHeld
        ? { state: JobState.RUNNING, fraction: 0.5, rows: 50n, message: 'Half done.' }
        : { state: JobState.SUCCEEDED, fraction: 1 };
    const work: Work<R> = { name, execution, result: result(name), changed: new Set() };
    this.#byName.set(name, work);
    this.#byRequest.set(requestId, work);
    if (execution.state === JobState.SUCCEEDED) this.#onceOver.get(name)?.();
    return this.#show(work);
  }

  /** Has `effect` happen when a piece of work ends well. */
  onceOver(name: string, effect: () => void): void {
    this.#onceOver.set(name, effect);
  }

  /** Ends all held work. */
  finishAll(): void {
    for (const work of this.#byName.values()) {
      if (work.execution.state === JobState.RUNNING) this.#end(work, JobState.SUCCEEDED);
    }
  }

  /** Ends one piece as cancelled. */
  cancel(name: string): R & { name: string; execution: Execution } {
    const work = this.#get(name);
    this.cancelled.push(name);
    this.#end(work, JobState.CANCELLED);
    return this.#show(work);
  }

  /** Streams one piece until it has ended. */
  async *watch(name: string, signal: AbortSignal): AsyncGenerator<R & { name: string; execution: Execution }> {
    const work = this.#get(name);
    for (;;) {
      yield this.#show(work);
      if (work.execution.state !== JobState.RUNNING || signal.aborted) return;
      await new Promise<void>((resolve) => {
        work.changed.add(resolve);
        signal.addEventListener('abort', () => resolve());
      });
    }
  }

  /** One piece as it stands. */
  get(name: string): R & { name: string; execution: Execution } {
    return this.#show(this.#get(name));
  }

  #end(work: Work<R>, state: JobState): void {
    work.execution = { state, fraction: 1 };
    if (state === JobState.SUCCEEDED) this.#onceOver.get(work.name)?.();
    for (const wake of work.changed) wake();
    work.changed.clear();
  }

  #get(name: string): Work<R> {
    const work = this.#byName.get(name);
    if (!work) throw notFound('Work', name);
    return work;
  }

  #show(work: Work<R>): R & { name: string; execution: Execution } {
    return { ...work.result, name: work.name, execution: work.execution };
  }
}
