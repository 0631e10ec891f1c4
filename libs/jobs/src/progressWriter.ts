import type { JobProgress } from './types.ts';

const WRITE_EVERY_MS = 250;

/** Writes the latest progress, at once and then at most each 250 ms, and what is left at the end. */
export class ProgressWriter {
  readonly #write: (progress: JobProgress) => Promise<void>;
  #latest: JobProgress | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(write: (progress: JobProgress) => Promise<void>) {
    this.#write = write;
  }

  /** Notes progress; the fraction is clipped to 0 … 1. */
  set(progress: JobProgress): void {
    this.#latest = { ...progress, fraction: Math.min(1, Math.max(0, progress.fraction || 0)) };
    if (this.#timer !== undefined) return;
    this.#flush();
    this.#startTimer();
  }

  /** Writes what is left; nothing is written after. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#flush();
    await this.#writing;
  }

  #startTimer(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#latest === undefined) return;
      this.#flush();
      this.#startTimer();
    }, WRITE_EVERY_MS);
  }

  /** Progress that cannot be written is no reason to fail: the next one says more. */
  #flush(): void {
    const progress = this.#latest;
    this.#latest = undefined;
    if (progress) this.#writing = this.#writing.then(() => this.#write(progress)).catch(() => undefined);
  }
}
