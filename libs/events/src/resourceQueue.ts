/** What became of an item: done with, or to be tried again after so many milliseconds. */
export type Outcome = 'done' | { readonly retryAfterMs: number };

interface Lane<T> {
  readonly items: T[];
}

/**
 * Works through items with order per resource: at most `concurrency` items at a time, of different resources; the items of
 * one resource one after another in the order they were added. An item that is to be tried again keeps its place: what
 * was added later for its resource waits, other resources move on.
 */
export class ResourceQueue<T> {
  readonly #work: (item: T) => Promise<Outcome>;
  readonly #concurrency: number;
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #ready: string[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  #size = 0;
  #isStopped = false;

  /** `work` must not reject. */
  constructor(concurrency: number, work: (item: T) => Promise<Outcome>) {
    this.#concurrency = concurrency;
    this.#work = work;
  }

  /** Items that are waiting or running. */
  get size(): number {
    return this.#size;
  }

  /** Adds an item at the end of its resource's lane; if it comes first there, it starts after `delayMs` at the earliest. */
  add(resource: string, item: T, delayMs = 0): void {
    this.#size += 1;
    const lane = this.#lanes.get(resource);
    if (lane) {
      lane.items.push(item);
      return;
    }
    const made: Lane<T> = { items: [item] };
    this.#lanes.set(resource, made);
    this.#schedule(resource, made, delayMs);
  }

  /** Starts nothing more; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#running);
  }

  #schedule(resource: string, lane: Lane<T>, delayMs: number): void {
    if (this.#isStopped) return;
    if (delayMs <= 0) {
      this.#ready.push(resource);
      this.#startReady();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#schedule(resource, lane, 0);
    }, delayMs);
    this.#timers.add(timer);
  }

  #startReady(): void {
    while (!this.#isStopped && this.#running.size < this.#concurrency) {
      const resource = this.#ready.shift();
      if (resource === undefined) return;
      const running = this.#runHead(resource, this.#lanes.get(resource) as Lane<T>);
      this.#running.add(running);
      void running.then(() => {
        this.#running.delete(running);
        this.#startReady();
      });
    }
  }

  async #runHead(resource: string, lane: Lane<T>): Promise<void> {
    const outcome = await this.#work(lane.items[0] as T);
    if (outcome !== 'done') {
      this.#schedule(resource, lane, Math.max(outcome.retryAfterMs, 1));
      return;
    }
    lane.items.shift();
    this.#size -= 1;
    if (lane.items.length === 0) this.#lanes.delete(resource);
    else this.#schedule(resource, lane, 0);
  }
}
