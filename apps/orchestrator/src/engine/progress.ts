import type { Database } from '@millrace/postgres';
import { withoutTracing } from '@millrace/telemetry';
import type { StepProgress } from '../store/steps.ts';
import { saveProgress } from '../store/steps.ts';
import type { StepJob } from './engine.ts';

/** Least time between two writes of progress, in milliseconds. */
const PAUSE_MS = 250;

/** Writes how far a step has come: the first change at once, then at most four a second, never two at a time. */
export class ProgressNotes {
  readonly #database: Database;
  readonly #job: StepJob;
  #next: StepProgress | undefined;
  #last = '';
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(database: Database, job: StepJob) {
    this.#database = database;
    this.#job = job;
  }

  /** Notes progress; a failure to write it is left to the next one. */
  set(progress: StepProgress): void {
    if (this.#isClosed) return;
    this.#next = progress;
    if (this.#timer === undefined && this.#writing === undefined) this.#write();
  }

  /** Drops what was not written, and waits for what is being written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#writing;
  }

  #write(): void {
    const progress = this.#next;
    const text = JSON.stringify(progress);
    if (this.#isClosed || progress === undefined || text === this.#last) return;
    this.#last = text;
    this.#writing = withoutTracing(() => saveProgress(this.#database, this.#job, progress))
      .catch(() => undefined)
      .finally(() => {
        this.#writing = undefined;
        if (this.#isClosed) return;
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#write();
        }, PAUSE_MS);
      });
  }
}
