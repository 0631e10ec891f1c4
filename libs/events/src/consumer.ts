import { setTimeout as sleep } from 'node:timers/promises';
import type { Subscription } from '@millrace/postgres';
import { withoutTracing } from '@millrace/telemetry';
import type { CheckedConsumeOptions } from './consumeOptions.ts';
import type { ConsumerDeps } from './consumerDeps.ts';
import type { Delivery } from './delivery.ts';
import { Deliverer } from './delivery.ts';
import type { HeldLock } from './locks.ts';
import { Progress } from './progress.ts';
import { ResourceQueue } from './resourceQueue.ts';
import type { ConsumerState, LoggedEvent } from './store.ts';
import { loadConsumer, readLog, readReplays, registerConsumer, savePosition, trimInbox } from './store.ts';
import type { Running } from './types.ts';
import { Wake } from './wake.ts';

/** Most events that are read but not yet handled; beyond it the log is not read on (16 KiB each make 16 MiB). */
const WINDOW_MAX = 1000;
/** Notifications wake a consumer at once; this is a safety net, in milliseconds. */
const TICK_MS = 2000;
const RETRY_MS = 300;
/** How long a handler may run on when the consumer stops, before its signal is aborted. */
const STOP_GRACE_MS = 10_000;
const TRIM_INBOX_EVERY_MS = 3_600_000;

/**
 * One replica of a durable consumer: stands by until it holds the consumer's lock, then reads the log from the durable
 * position and hands events to the {@link Deliverer}, in order per resource. The position is a low-water mark: all at or
 * below it is handled or parked. What lies above is delivered again after a restart, and the inbox leaves out what was done.
 */
export class Consumer implements Running {
  readonly #deps: ConsumerDeps;
  readonly #options: CheckedConsumeOptions;
  readonly #stop = new AbortController();
  readonly #wake = new Wake();
  #hasReplays = true;
  #subscription: Subscription | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(deps: ConsumerDeps, options: CheckedConsumeOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Registers the durable name, listens, then works in the background. */
  async start(): Promise<void> {
    const { name, regexes, startAt } = this.#options;
    await registerConsumer(this.#deps.bus, name, regexes, startAt);
    const matchers = regexes.map((regex) => new RegExp(regex));
    this.#subscription = await this.#deps.bus.listen(`${this.#deps.bus.schema}_log`, (payload) => {
      if (payload === '' || payload === `replay ${name}`) this.#hasReplays = true;
      else if (!matchers.some((matcher) => matcher.test(payload))) return;
      this.#wake.wake();
    });
    this.#done = withoutTracing(() => this.#run());
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.wake();
    await this.#subscription?.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const lock = await this.#deps.locks.acquire(`consumer ${this.#options.name}`, this.#stop.signal);
      if (!lock) return;
      try {
        await this.#active(lock);
      } catch (error) {
        this.#deps.logger.warn('consumer failed; trying again', { err: error, consumer: this.#options.name });
        await sleep(RETRY_MS);
      } finally {
        await lock.release();
      }
    }
  }

  async #active(lock: HeldLock): Promise<void> {
    const over = AbortSignal.any([this.#stop.signal, lock.lost]);
    const onOver = () => this.#wake.wake();
    over.addEventListener('abort', onOver);
    const handlerAbort = new AbortController();
    const state = await loadConsumer(this.#deps.bus, this.#options.name);
    const progress = new Progress(state.position, (position) =>
      withoutTracing(() => savePosition(this.#deps.bus, this.#options.name, position)),
    );
    const deliverer = new Deliverer(this.#deps, this.#options, handlerAbort.signal, over);
    const queue = new ResourceQueue<Delivery>(this.#options.concurrency, async (delivery) => {
      const outcome = await deliverer.deliver(delivery);
      if (outcome === 'done') {
        progress.finish(delivery);
        if (progress.isBlocked && queue.size <= WINDOW_MAX / 2) this.#wake.wake();
      }
      return outcome;
    });
    this.#hasReplays = true;
    try {
      await this.#readUntil(over, queue, progress, state);
    } finally {
      over.removeEventListener('abort', onOver);
      const grace = setTimeout(() => handlerAbort.abort(), STOP_GRACE_MS);
      await queue.stop();
      clearTimeout(grace);
      await progress.close();
    }
  }

  async #readUntil(
    over: AbortSignal,
    queue: ResourceQueue<Delivery>,
    progress: Progress,
    state: ConsumerState,
  ): Promise<void> {
    let trimmedAt = 0;
    while (!over.aborted) {
      this.#wake.reset();
      if (this.#hasReplays) await this.#addReplays(queue, progress, state);
      const isFull = queue.size < WINDOW_MAX && (await this.#readOn(queue, progress, state));
      progress.isBlocked = queue.size >= WINDOW_MAX;
      if (performance.now() - trimmedAt >= TRIM_INBOX_EVERY_MS) {
        await trimInbox(this.#options.database, this.#options.name, this.#deps.inboxRetentionMs);
        trimmedAt = performance.now();
      }
      if (!isFull || progress.isBlocked) await this.#wake.wait(TICK_MS);
    }
  }

  /** Reads a batch into the queue; true when there may be more to read at once. */
  async #readOn(queue: ResourceQueue<Delivery>, progress: Progress, state: ConsumerState): Promise<boolean> {
    const batch = await readLog(this.#deps.bus, progress.readTo, this.#options.regexes);
    for (const event of batch.events) this.#add(event, queue, progress, state);
    progress.advance(batch.readTo);
    return batch.isFull;
  }

  #add(event: LoggedEvent, queue: ResourceQueue<Delivery>, progress: Progress, state: ConsumerState): void {
    if (state.parkedIds.delete(event.id)) return;
    const failure = state.failures.get(event.id);
    state.failures.delete(event.id);
    progress.begin(event);
    queue.add(event.resource, { event, attempt: (failure?.attempt ?? 0) + 1, isReplay: false }, failure?.delayMs);
  }

  /** Replays join the end of their resource's lane; the position does not depend on them, since parked events are kept. */
  async #addReplays(queue: ResourceQueue<Delivery>, progress: Progress, state: ConsumerState): Promise<void> {
    this.#hasReplays = false;
    for (const event of await readReplays(this.#deps.bus, this.#options.name)) {
      if (!progress.beginReplay(event.id)) continue;
      const failure = state.failures.get(event.id);
      state.failures.delete(event.id);
      queue.add(event.resource, { event, attempt: (failure?.attempt ?? 0) + 1, isReplay: true }, failure?.delayMs);
    }
  }
}
