import { AppError, invariant } from '@millrace/kernel';
import type { TensorValues } from '../domain/datatypes.ts';
import type { ModelInput } from '../domain/model-plan.ts';

/** Rows of one caller on their way through a model. */
export interface LaneJob {
  /** The model's inputs in order. Not changed before the answer. */
  readonly columns: readonly TensorValues[];
  readonly rows: number;
  /** Aborted when the answer is no longer wanted. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970; after it the answer is no longer wanted. */
  readonly deadlineMs: number;
}

/** The outputs of a job's rows, in the model's order. Views of the batch's arrays. */
export type LaneAnswer = TensorValues[];

/** What a lane needs to know. */
export interface LaneOptions {
  readonly inputs: readonly ModelInput[];
  /** Rows of a batch of several jobs, at most; a single job may have more. */
  readonly batchRowsMax: number;
  readonly run: (columns: readonly TensorValues[], rows: number) => Promise<TensorValues[]>;
  /** Called before each batch with what goes into it. */
  readonly onBatch?: (jobs: number, rows: number) => void;
}

interface Waiting extends LaneJob {
  resolve(answer: LaneAnswer): void;
  reject(error: unknown): void;
}

/**
 * A queue before a session that runs one batch at a time. It conserves work: a batch begins as soon as the session is free,
 * with all jobs that were read in this turn of the event loop or waited for the batch before; no delay is added.
 *
 * A batch of several jobs is copied into arrays that the lane owns; the next batch is gathered only after the session
 * has answered, so nothing is overwritten that is still read. Answers are arrays of each run's own.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #areas: TensorValues[];
  #queue: Waiting[] = [];
  #isBusy = false;
  #isPlanned = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#areas = options.inputs.map(({ type, width }) => type.make(width * options.batchRowsMax));
  }

  /** Jobs that wait for a batch. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Runs a job with the next batch; what is no longer wanted by then is not computed, and rejects. */
  submit(job: LaneJob): Promise<LaneAnswer> {
    return new Promise((resolve, reject) => {
      const { columns, rows, signal, deadlineMs } = job;
      this.#queue.push({ columns, rows, signal, deadlineMs, resolve, reject });
      this.#plan();
    });
  }

  #plan(): void {
    if (this.#isBusy || this.#isPlanned || this.#queue.length === 0) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      void this.#runBatch();
    });
  }

  async #runBatch(): Promise<void> {
    const jobs = this.#takeJobs();
    if (jobs.length === 0) return this.#plan();
    this.#isBusy = true;
    const rows = jobs.reduce((sum, job) => sum + job.rows, 0);
    try {
      this.#options.onBatch?.(jobs.length, rows);
      const columns = jobs.length === 1 ? jobs[0]!.columns : this.#gather(jobs, rows);
      const outputs = await this.#options.run(columns, rows);
      deal(jobs, outputs, rows);
    } catch (error) {
      for (const job of jobs) job.reject(error);
    } finally {
      this.#isBusy = false;
      this.#plan();
    }
  }

  /** The jobs of the next batch, without those that nobody waits for any more. */
  #takeJobs(): Waiting[] {
    const jobs: Waiting[] = [];
    const now = Date.now();
    let rows = 0;
    let taken = 0;
    for (const job of this.#queue) {
      if (job.signal.aborted || now >= job.deadlineMs) {
        job.reject(job.signal.aborted ? job.signal.reason : lateError());
      } else {
        if (jobs.length > 0 && rows + job.rows > this.#options.batchRowsMax) break;
        jobs.push(job);
        rows += job.rows;
      }
      taken++;
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    return jobs;
  }

  #gather(jobs: readonly Waiting[], rows: number): TensorValues[] {
    return this.#options.inputs.map(({ width }, i) => {
      const area = this.#areas[i]!;
      if (Array.isArray(area)) return jobs.flatMap((job) => job.columns[i] as string[]);
      let at = 0;
      for (const job of jobs) {
        area.set(job.columns[i] as never, at);
        at += job.rows * width;
      }
      invariant(at === rows * width, 'a batch is filled to its last row');
      return area.subarray(0, at) as TensorValues;
    });
  }
}

/** Gives each job its rows of the outputs. */
function deal(jobs: readonly Waiting[], outputs: readonly TensorValues[], rows: number): void {
  if (jobs.length === 1) {
    jobs[0]!.resolve([...outputs]);
    return;
  }
  let from = 0;
  for (const job of jobs) {
    const to = from + job.rows;
    const start = from;
    job.resolve(
      outputs.map((values) => {
        const width = values.length / rows;
        return Array.isArray(values)
          ? values.slice(start * width, to * width)
          : (values.subarray(start * width, to * width) as TensorValues);
      }),
    );
    from = to;
  }
}

function lateError(): AppError {
  return new AppError('DEADLINE_EXCEEDED', 'The deadline passed before the model ran. Allow more time.', {
    reason: 'DEADLINE_EXCEEDED',
  });
}
