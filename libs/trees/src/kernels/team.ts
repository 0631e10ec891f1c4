import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Chunk } from './operations.ts';
import { KernelThread } from './operations.ts';
import type { Plan } from './plan.ts';
import type { WasmMemory, WasmModule } from './webassembly.ts';

/**
 * Words of the control block. CURSOR and END only grow: chunks [DONE, END) are those of the current operation, and a
 * thread owns a chunk when it has moved CURSOR past it. So a thread that wakes up late finds either nothing or work of
 * the current operation, and nobody waits for a thread that has taken no chunk.
 */
const WORD = {
  cursor: 0,
  end: 1,
  done: 2,
  first: 3,
  operation: 4,
  a: 5,
  b: 6,
  c: 7,
  from: 8,
  to: 9,
  rows: 10,
  stop: 11,
  failed: 12,
  used: 16,
};

/** Byte offset of the two real arguments in the control block. */
const REALS = 192;

/** Threads at most: their marks share 32 words of the control block. */
export const THREADS_MAX = 32;

/** How long a chunk may take before its thread counts as lost, in milliseconds. A chunk takes below a second. */
const LOST_AFTER_MS = 300_000;

/** What a worker is started with. */
export interface TeamSeat {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  readonly plan: Plan;
  readonly thread: number;
}

/** The arguments of an operation. */
export type Arguments = Partial<Pick<Chunk, 'a' | 'b' | 'c' | 'x' | 'y'>>;

/**
 * The caller's thread and `threads - 1` workers, which share the chunks of an operation. Workers park in `Atomics.wait`
 * between operations. Which thread runs which chunk is left to chance; the results do not depend on it.
 */
export class ThreadTeam {
  readonly caller: KernelThread;
  readonly #words: Int32Array;
  readonly #reals: Float64Array;
  readonly #workers: Worker[] = [];

  private constructor({ module, memory, plan }: Omit<TeamSeat, 'thread'>) {
    this.#words = new Int32Array(memory.buffer, plan.control, 48);
    this.#reals = new Float64Array(memory.buffer, plan.control + REALS, 2);
    this.caller = new KernelThread(module, memory, plan, 0, () => true);
  }

  /** Starts the workers and waits until they are ready. */
  static async start(seat: Omit<TeamSeat, 'thread'>, threads: number): Promise<ThreadTeam> {
    const team = new ThreadTeam(seat);
    for (let thread = 1; thread < threads; thread++) {
      const worker = new Worker(new URL('./worker.ts', import.meta.url), {
        workerData: { ...seat, thread } satisfies TeamSeat,
        execArgv: [],
        stdin: false,
      });
      worker.unref();
      team.#workers.push(worker);
    }
    try {
      await Promise.all(team.#workers.map((worker) => once(worker, 'message')));
    } catch (error) {
      await team.stop();
      throw error;
    }
    return team;
  }

  /** Runs an operation over [from, to) in chunks of `rows`; chunk i begins at from + i · rows. */
  run(operation: number, from: number, to: number, rows: number, args: Arguments = {}): void {
    const chunks = Math.ceil((to - from) / rows);
    const { a = 0, b = 0, c = 0, x = 0, y = 0 } = args;
    if (this.#workers.length === 0 || chunks <= 1) {
      for (let chunk = 0; chunk < chunks; chunk++) {
        const begin = from + chunk * rows;
        this.caller.run({ operation, a, b, c, x, y, chunk, from: begin, to: Math.min(begin + rows, to) });
      }
      return;
    }
    const words = this.#words;
    words.fill(0, WORD.used, WORD.used + THREADS_MAX);
    const first = Atomics.load(words, WORD.end);
    words[WORD.first] = first;
    words[WORD.operation] = operation;
    words[WORD.a] = a;
    words[WORD.b] = b;
    words[WORD.c] = c;
    words[WORD.from] = from;
    words[WORD.to] = to;
    words[WORD.rows] = rows;
    this.#reals[0] = x;
    this.#reals[1] = y;
    Atomics.store(words, WORD.end, (first + chunks) | 0);
    Atomics.notify(words, WORD.end);
    takeChunks(words, this.#reals, this.caller);
    this.#awaitOthers();
  }

  /** Whether this worker's partial histogram has rows of the last operation; 1 is the first worker. */
  usedPartial(thread: number): boolean {
    return this.#words[WORD.used + thread] === 1;
  }

  /** How many threads there are, the caller's among them. */
  get threads(): number {
    return this.#workers.length + 1;
  }

  /** Forgets which partial histograms are in use: before an operation that the caller may run alone. */
  forgetPartials(): void {
    this.#words.fill(0, WORD.used, WORD.used + THREADS_MAX);
  }

  /** Ends the workers. */
  async stop(): Promise<void> {
    Atomics.store(this.#words, WORD.stop, 1);
    Atomics.add(this.#words, WORD.end, 1);
    Atomics.notify(this.#words, WORD.end);
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    this.#workers.length = 0;
  }

  #awaitOthers(): void {
    const words = this.#words;
    for (;;) {
      const done = Atomics.load(words, WORD.done);
      if (done === Atomics.load(words, WORD.end)) break;
      if (Atomics.wait(words, WORD.done, done, LOST_AFTER_MS) === 'timed-out')
        throw new Error(`a training thread has not finished a chunk within ${LOST_AFTER_MS} ms`);
    }
    if (Atomics.load(words, WORD.failed) !== 0) throw new Error('a training thread failed; its error is on stderr');
  }
}

/** The life of a worker: runs chunks, parks, until it is told to stop. */
export function serve({ module, memory, plan, thread }: TeamSeat, ready: () => void): void {
  const words = new Int32Array(memory.buffer, plan.control, 48);
  const reals = new Float64Array(memory.buffer, plan.control + REALS, 2);
  const kernels = new KernelThread(
    module,
    memory,
    plan,
    thread,
    () => Atomics.exchange(words, WORD.used + thread, 1) === 1,
  );
  ready();
  for (;;) {
    const end = Atomics.load(words, WORD.end);
    if (Atomics.load(words, WORD.stop) === 1) return;
    if (Atomics.load(words, WORD.cursor) === end) Atomics.wait(words, WORD.end, end);
    else takeChunks(words, reals, kernels);
  }
}

function takeChunks(words: Int32Array, reals: Float64Array, kernels: KernelThread): void {
  for (;;) {
    const at = Atomics.load(words, WORD.cursor);
    if (at === Atomics.load(words, WORD.end) || Atomics.load(words, WORD.stop) === 1) return;
    if (Atomics.compareExchange(words, WORD.cursor, at, (at + 1) | 0) !== at) continue;
    try {
      kernels.run(chunkOf(words, reals, at));
    } catch (error) {
      console.error(error);
      Atomics.store(words, WORD.failed, 1);
    }
    const done = (Atomics.add(words, WORD.done, 1) + 1) | 0;
    if (done === Atomics.load(words, WORD.end)) Atomics.notify(words, WORD.done);
  }
}

function chunkOf(words: Int32Array, reals: Float64Array, at: number): Chunk {
  const chunk = (at - words[WORD.first]!) | 0;
  const from = words[WORD.from]! + chunk * words[WORD.rows]!;
  return {
    operation: words[WORD.operation]!,
    a: words[WORD.a]!,
    b: words[WORD.b]!,
    c: words[WORD.c]!,
    x: reals[0]!,
    y: reals[1]!,
    chunk,
    from,
    to: Math.min(from + words[WORD.rows]!, words[WORD.to]!),
  };
}
