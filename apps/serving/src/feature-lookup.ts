import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  FeatureStoreService,
  ValueListSchema,
} from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { FeatureVector, ValueSchema } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { isAppError } from '@millrace/kernel';
import type { Client } from '@millrace/rpc';
import { withoutAmbientCall } from '@millrace/rpc';
import type { TensorValues } from './domain/datatypes.ts';
import type { FeaturePlan, RequestColumnType } from './domain/model-plan.ts';

/** The looked-up columns of one request. */
export interface LookedUp {
  /** Column names, each with its position in `vectors`. */
  readonly index: ReadonlyMap<string, number>;
  readonly vectors: readonly FeatureVector[];
  /** The request's first row within the vectors. */
  readonly from: number;
}

/** How look-ups are bounded. */
export interface FeatureLookupOptions {
  readonly rowsMax: number;
  readonly inFlightMax: number;
  /** Deadline of one look-up. */
  readonly timeoutMs: number;
}

interface Waiting {
  readonly columns: ReadonlyMap<string, TensorValues>;
  readonly rows: number;
  readonly signal: AbortSignal;
  resolve(found: LookedUp): void;
  reject(error: unknown): void;
}

type Values = MessageInitShape<typeof ValueSchema>[];

/**
 * Looks features up in the feature store. Requests that arrive while look-ups are under way share the next one: fewer,
 * larger calls when it is busy, no delay when it is not.
 */
export class FeatureLookup {
  readonly #client: Client<typeof FeatureStoreService>;
  readonly #options: FeatureLookupOptions;
  readonly #queues = new Map<string, { plan: FeaturePlan; waiting: Waiting[]; inFlight: number; isPlanned: boolean }>();

  constructor(client: Client<typeof FeatureStoreService>, options: FeatureLookupOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Fetches the features of all rows. Fails with the feature store's error. */
  fetch(
    plan: FeaturePlan,
    columns: ReadonlyMap<string, TensorValues>,
    rows: number,
    signal: AbortSignal,
  ): Promise<LookedUp> {
    const key = `${plan.service}\n${[...columns.keys()].sort().join('\n')}`;
    const queue = this.#queues.get(key) ?? { plan, waiting: [], inFlight: 0, isPlanned: false };
    this.#queues.set(key, queue);
    const { promise, resolve, reject } = Promise.withResolvers<LookedUp>();
    queue.waiting.push({ columns, rows, signal, resolve, reject });
    queue.plan = plan;
    this.#plan(key);
    return promise;
  }

  #plan(key: string): void {
    const queue = this.#queues.get(key)!;
    if (queue.isPlanned || queue.waiting.length === 0 || queue.inFlight >= this.#options.inFlightMax) return;
    queue.isPlanned = true;
    // The next turn: all requests that were read in this one are in line by then.
    setImmediate(() => {
      queue.isPlanned = false;
      const jobs = this.#take(queue.waiting);
      if (jobs.length === 0) return this.#plan(key);
      queue.inFlight++;
      void withoutAmbientCall(() => this.#run(queue.plan, jobs)).then(() => {
        queue.inFlight--;
        this.#plan(key);
      });
      this.#plan(key);
    });
  }

  #take(waiting: Waiting[]): Waiting[] {
    const jobs: Waiting[] = [];
    let rows = 0;
    while (waiting.length > 0) {
      const job = waiting[0]!;
      if (job.signal.aborted) job.reject(job.signal.reason);
      else if (jobs.length > 0 && rows + job.rows > this.#options.rowsMax) break;
      else {
        jobs.push(job);
        rows += job.rows;
      }
      waiting.shift();
    }
    return jobs;
  }

  async #run(plan: FeaturePlan, jobs: readonly Waiting[]): Promise<void> {
    try {
      const { featureNames, results } = await this.#client.getOnlineFeatures(
        { featureService: plan.service, columns: columnsOf(plan, jobs) },
        { timeoutMs: this.#options.timeoutMs },
      );
      const index = new Map(featureNames.map((name, i) => [name, i]));
      let from = 0;
      for (const job of jobs) {
        job.resolve({ index, vectors: results, from });
        from += job.rows;
      }
    } catch (error) {
      const isOnesFault = isAppError(error) && error.code === 'INVALID_ARGUMENT' && jobs.length > 1;
      if (isOnesFault) await Promise.all(jobs.map((job) => this.#run(plan, [job])));
      else for (const job of jobs) job.reject(error);
    }
  }
}

function columnsOf(
  plan: FeaturePlan,
  jobs: readonly Waiting[],
): Record<string, MessageInitShape<typeof ValueListSchema>> {
  const columns: Record<string, { values: Values }> = {};
  for (const { name, type } of plan.columns) {
    if (!jobs[0]!.columns.has(name)) continue;
    const values: Values = [];
    for (const job of jobs) for (const value of job.columns.get(name)!) values.push(toValue(type, value));
    columns[name] = { values };
  }
  return columns;
}

/** A value as the feature store takes it; NaN is a missing value. */
function toValue(type: RequestColumnType, value: number | bigint | string): Values[number] {
  if (typeof value === 'string') return { kind: { case: 'stringValue', value } };
  if (Number.isNaN(value)) return {};
  if (type === 'BOOLEAN') return { kind: { case: 'booleanValue', value: Number(value) !== 0 } };
  if (type === 'FLOAT32' || type === 'FLOAT64') return { kind: { case: 'doubleValue', value: Number(value) } };
  return { kind: { case: 'int64Value', value: BigInt(value) } };
}
