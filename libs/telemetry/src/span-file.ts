import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { toSpanRecord } from './span-record.ts';

/** Bounds of a span file; the defaults suit a laptop. */
export interface SpanFileLimits {
  /** All span files of the directory together; the oldest are removed first. Default 64 MiB. */
  readonly totalBytesMax: number;
  /** One file; then the next is begun. Default an eighth of the total. */
  readonly fileBytesMax: number;
  /** Finished spans waiting to be written; more are dropped and counted. Default 16,384. */
  readonly queueMax: number;
  /** The longest a span waits before it is written. Default 500 ms. */
  readonly flushIntervalMs: number;
}

const TOTAL_BYTES_MAX = 64 * 1024 * 1024;
/** Spans turned into text in one turn of the event loop: about half a millisecond. */
const SPANS_PER_TURN = 32;
/** Spans written to the file at once. */
const SPANS_PER_WRITE = 512;

/**
 * Keeps finished spans as lines of JSON in `<directory>/spans-<start ms>-<pid>-<n>.ndjson`. Spans are queued by the
 * caller's thread and turned into text later, in small pieces, so that no call waits for it.
 */
export class SpanFile {
  readonly #directory: string;
  readonly #limits: SpanFileLimits;
  #queue: ReadableSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #file: FileHandle | undefined;
  #fileBytes = 0;
  #filesBegun = 0;
  #dropped = 0;
  #isClosed = false;

  constructor(directory: string, limits: Partial<SpanFileLimits> = {}) {
    const totalBytesMax = limits.totalBytesMax ?? TOTAL_BYTES_MAX;
    this.#directory = directory;
    this.#limits = {
      totalBytesMax,
      fileBytesMax: limits.fileBytesMax ?? Math.ceil(totalBytesMax / 8),
      queueMax: limits.queueMax ?? 16_384,
      flushIntervalMs: limits.flushIntervalMs ?? 500,
    };
  }

  /** Spans that were lost: the queue was full, the disk refused them, or the file was closed already. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Queues a finished span; never waits and never throws. */
  add(span: ReadableSpan): void {
    if (this.#isClosed || this.#queue.length >= this.#limits.queueMax) {
      this.#dropped += 1;
      return;
    }
    this.#queue.push(span);
    this.#timer ??= setTimeout(() => void this.flush(), this.#limits.flushIntervalMs).unref();
  }

  /** Writes what is queued. Resolves when it is in the file; a failing disk counts the spans as dropped. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Flushes and closes the file; spans that end later are dropped, so the directory may be removed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(): Promise<void> {
    const spans = this.#queue;
    this.#queue = [];
    for (let at = 0; at < spans.length; at += SPANS_PER_WRITE) {
      const batch = spans.slice(at, at + SPANS_PER_WRITE);
      try {
        const text = await linesOf(batch);
        const file = await this.#fileFor(text.length);
        await file.appendFile(text);
        this.#fileBytes += text.length;
      } catch {
        this.#dropped += batch.length;
      }
    }
  }

  async #fileFor(bytes: number): Promise<FileHandle> {
    if (this.#file !== undefined && this.#fileBytes + bytes <= this.#limits.fileBytesMax) return this.#file;
    await this.#file?.close();
    this.#file = undefined;
    await mkdir(this.#directory, { recursive: true });
    await this.#removeOldest();
    const started = String(Date.now()).padStart(14, '0');
    this.#filesBegun += 1;
    const name = `spans-${started}-${process.pid}-${String(this.#filesBegun).padStart(6, '0')}.ndjson`;
    this.#file = await open(join(this.#directory, name), 'a');
    this.#fileBytes = 0;
    return this.#file;
  }

  /** Makes room for one more full file. Names sort by age. */
  async #removeOldest(): Promise<void> {
    const names = await spanFileNames(this.#directory);
    const sizes = await Promise.all(names.map((name) => sizeOf(join(this.#directory, name))));
    let total = sizes.reduce((sum, size) => sum + size, 0);
    for (const [i, name] of names.entries()) {
      if (total + this.#limits.fileBytesMax <= this.#limits.totalBytesMax) return;
      await rm(join(this.#directory, name), { force: true });
      total -= sizes[i] ?? 0;
    }
  }
}

/** The spans as lines of JSON, made without holding up the event loop. */
async function linesOf(spans: readonly ReadableSpan[]): Promise<Buffer> {
  const lines: string[] = [];
  for (const [i, span] of spans.entries()) {
    lines.push(JSON.stringify(toSpanRecord(span)), '\n');
    if (i % SPANS_PER_TURN === SPANS_PER_TURN - 1) await nextTurn();
  }
  return Buffer.from(lines.join(''));
}

/** The span files of a directory, oldest first; none when it does not exist. */
export async function spanFileNames(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => name.startsWith('spans-') && name.endsWith('.ndjson')).sort();
}

/** The size in bytes; 0 for a file that another process has just removed. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (s) => s.size,
    () => 0,
  );
}
