import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TensorValues } from '../domain/datatypes.ts';
import type { FeaturePlan, ModelPlan } from '../domain/model-plan.ts';
import { createModelPlan } from '../domain/model-plan.ts';
import type { LaneAnswer, LaneJob } from './lane.ts';
import { Lane } from './lane.ts';
import type { ModelSession } from './session.ts';
import { createModelSession } from './session.ts';
import { createWorkerSession } from './worker-session.ts';

/** Which version a model is, and how requests become its inputs. */
export interface ModelIdentity {
  /** Name of the deployment. */
  readonly deployment: string;
  /** Name of the model version. */
  readonly version: string;
  readonly features: FeaturePlan | undefined;
}

/** How models run. */
export interface ModelOptions {
  /** Expected time of a run, in milliseconds, beyond which it goes to the worker thread. */
  readonly inlineMs: number;
  /** Rows of a batch of several requests, at most. */
  readonly batchRowsMax: number;
  readonly onBatch?: (jobs: number, rows: number) => void;
}

/** What a run costs: microseconds for the run itself and for each row of it. */
export interface RunCost {
  readonly fixedUs: number;
  readonly rowUs: number;
}

/** Rows of the larger warm-up run. */
const WARM_ROWS = 128;
/** Measured runs of each size; the quickest counts, since others are disturbed, never too quick. */
const WARM_RUNS = 10;
/** Rows that may run on the event loop at most, however cheap they look. */
const INLINE_ROWS_MAX = 4096;

/**
 * A model that has been loaded and warmed up, shared by the requests that hold it. It is freed when it is retired and the
 * last holder has let go.
 */
export class LoadedModel {
  readonly identity: ModelIdentity;
  readonly plan: ModelPlan;
  readonly cost: RunCost;
  /** Requests with at most so many rows run on the event loop; 0: none. */
  readonly inlineRowsMax: number;
  /** Number of the version, the last segment of its name. */
  readonly versionNumber: string;
  readonly #session: ModelSession;
  readonly #worker: ReturnType<typeof createWorkerSession>;
  readonly #inline: Lane;
  readonly #threaded: Lane;
  #holders = 1;
  #closed: Promise<void> | undefined;

  private constructor(
    identity: ModelIdentity,
    session: ModelSession,
    worker: ReturnType<typeof createWorkerSession>,
    cost: RunCost,
    options: ModelOptions,
  ) {
    this.identity = identity;
    this.plan = createModelPlan(session.inputs, session.outputs, identity.features);
    this.cost = cost;
    this.versionNumber = identity.version.slice(identity.version.lastIndexOf('/') + 1);
    this.inlineRowsMax = inlineRowsOf(cost, options.inlineMs);
    this.#session = session;
    this.#worker = worker;
    const { inputs } = session;
    const { batchRowsMax, onBatch } = options;
    const shared = { inputs, ...(onBatch && { onBatch }) };
    this.#inline = new Lane({
      ...shared,
      batchRowsMax: Math.max(1, Math.min(batchRowsMax, this.inlineRowsMax)),
      run: (columns, rows) => session.run(columns, rows),
    });
    this.#threaded = new Lane({ ...shared, batchRowsMax, run: (columns, rows) => worker.run(columns, rows) });
  }

  /**
   * Loads a model, runs it with batches of different sizes, and measures what they cost. Loading blocks the event loop
   * for as long as ONNX Runtime reads the graph (milliseconds for a few MB).
   *
   * @throws AppError INVALID_ARGUMENT `ONNX_MODEL_INVALID`, FAILED_PRECONDITION `MODEL_SHAPE_UNSUPPORTED` or
   *   `MODEL_RUN_FAILED`.
   */
  static async load(model: Uint8Array, identity: ModelIdentity, options: ModelOptions): Promise<LoadedModel> {
    const session = await createModelSession(model);
    const worker = createWorkerSession(model);
    try {
      const cost = await warmUp(session);
      const loaded = new LoadedModel(identity, session, worker, cost, options);
      if (loaded.inlineRowsMax === 0) await worker.run(emptyColumns(session, 1), 1);
      return loaded;
    } catch (error) {
      await session.release();
      await worker.release();
      throw error;
    }
  }

  /** Requests that wait for a run. */
  get waiting(): number {
    return this.#inline.waiting + this.#threaded.waiting;
  }

  /** Runs rows with whatever waits beside them, on the event loop or in the worker thread, by their expected cost. */
  run(job: LaneJob): Promise<LaneAnswer> {
    return job.rows <= this.inlineRowsMax ? this.#inline.submit(job) : this.#threaded.submit(job);
  }

  /** Holds the model until {@link release}. */
  hold(): void {
    this.#holders++;
  }

  /** Lets go; the last one frees the model. The loader's own hold is let go when the model is retired. */
  release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    this.#closed ??= this.#close();
    this.#closed.catch(() => undefined); // the memory is lost, the answers are not
  }

  /** Resolves when the model's memory is free; at once while it is held. */
  async closed(): Promise<void> {
    await this.#closed;
  }

  /** Whether it has been freed. */
  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  async #close(): Promise<void> {
    await this.#session.release();
    await this.#worker.release();
  }
}

async function warmUp(session: ModelSession): Promise<RunCost> {
  const oneUs = await quickest(session, 1);
  const manyUs = await quickest(session, WARM_ROWS);
  const rowUs = Math.max((manyUs - oneUs) / (WARM_ROWS - 1), 0.01);
  return { fixedUs: Math.max(oneUs - rowUs, 0), rowUs };
}

async function quickest(session: ModelSession, rows: number): Promise<number> {
  const columns = emptyColumns(session, rows);
  let bestUs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < WARM_RUNS; i++) {
    await nextTurn();
    const start = performance.now();
    await session.run(columns, rows);
    bestUs = Math.min(bestUs, (performance.now() - start) * 1000);
  }
  return bestUs;
}

function emptyColumns(session: ModelSession, rows: number): TensorValues[] {
  return session.inputs.map(({ type, width }) => type.make(rows * width));
}

function inlineRowsOf({ fixedUs, rowUs }: RunCost, inlineMs: number): number {
  const rows = Math.floor((inlineMs * 1000 - fixedUs) / rowUs);
  return Math.max(0, Math.min(rows, INLINE_ROWS_MAX));
}
