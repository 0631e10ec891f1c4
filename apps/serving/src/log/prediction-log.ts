import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BlobInfo } from '@millrace/blobs';
import type { ModelInput } from '../domain/model-plan.ts';
import type { LoggedRequest, SegmentSummary } from './log-segment.ts';
import { LogSegment } from './log-segment.ts';
import { parquetFile } from './parquet-file.ts';

/** What a prediction log writes to. */
export interface PredictionLogOptions {
  readonly flushRows: number;
  readonly bufferRowsMax: number;
  /** Stores a file. */
  readonly put: (content: Uint8Array) => Promise<BlobInfo>;
  /** Notes a stored file, with its event, in one transaction; noting the same digest again changes nothing. */
  readonly commit: (blob: BlobInfo, summary: SegmentSummary) => Promise<void>;
  /** Told when a flush failed; its rows stay for the next one. */
  readonly onError: (error: unknown) => void;
}

/**
 * The prediction log of one endpoint: rows wait in memory and go out as Parquet files. Appending neither waits nor
 * throws. Rows beyond the bound are lost and counted, and so are those in memory when the process is killed.
 */
export class PredictionLog {
  readonly #options: PredictionLogOptions;
  /** By `segmentKey`: normally one. */
  #open = new Map<string, LogSegment>();
  /** Closed and not yet durable, oldest first. */
  #closed: LogSegment[] = [];
  #waitingRows = 0;
  #flushing: Promise<number> | undefined;
  /** Rows that are durable. */
  loggedRows = 0;
  /** Rows that were lost. */
  lostRows = 0;

  constructor(options: PredictionLogOptions) {
    this.#options = options;
  }

  /** Rows in memory. */
  get waitingRows(): number {
    return this.#waitingRows;
  }

  /** Takes the predictions of a request. */
  append(inputs: readonly ModelInput[], key: string, request: LoggedRequest): void {
    if (this.#waitingRows + request.rows > this.#options.bufferRowsMax) {
      this.lostRows += request.rows;
      return;
    }
    const segment = this.#open.get(key) ?? new LogSegment(inputs);
    this.#open.set(key, segment);
    segment.append(request);
    this.#waitingRows += request.rows;
    if (segment.rows >= this.#options.flushRows && this.#flushing === undefined) void this.flushQuietly();
  }

  /**
   * Makes all rows durable that were appended before the call, and gives how many this call has written. Rejects when
   * storing fails; the rows then stay in memory.
   */
  async flush(): Promise<number> {
    while (this.#flushing) await this.#flushing.catch(() => 0);
    const flushing = this.#flushAll();
    this.#flushing = flushing;
    try {
      return await flushing;
    } finally {
      if (this.#flushing === flushing) this.#flushing = undefined;
    }
  }

  /** As {@link flush}, with failures told to `onError` only. */
  async flushQuietly(): Promise<void> {
    if (this.#waitingRows === 0) return;
    try {
      await this.flush();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  async #flushAll(): Promise<number> {
    await nextTurn(); // answers first
    this.#closed.push(...[...this.#open.values()].filter((segment) => segment.rows > 0));
    this.#open = new Map();
    let written = 0;
    for (let segment = this.#closed[0]; segment !== undefined; segment = this.#closed[0]) {
      const blob = await this.#options.put(await parquetFile(segment.columns(), segment.rows));
      await this.#options.commit(blob, segment.summary());
      this.#closed.shift();
      this.#waitingRows -= segment.rows;
      this.loggedRows += segment.rows;
      written += segment.rows;
    }
    return written;
  }
}
