import { create } from '@bufbuild/protobuf';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { type TrainingSet, TrainingSetSchema } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import type { ReceivedEvent } from '@millrace/events';
import { names, notFound } from '@millrace/kernel';
import type { Platform } from '@millrace/process';
import { implement, type ServiceRegistration } from '@millrace/rpc';
import { createManifest, manifestDigest, saveManifest, type TableEngine } from '@millrace/tables';
import { createTestPlatform } from '@millrace/testing';
import { createTrainingModule, type TrainingConfig, trainingConfigSchema } from '../src/module.ts';

/** The workspace of all tests. */
export const WORKSPACE = 'workspaces/default';

const TYPES: Readonly<Record<string, DataType>> = {
  boolean: DataType.BOOLEAN,
  int32: DataType.INT32,
  int64: DataType.INT64,
  float32: DataType.FLOAT32,
  float64: DataType.FLOAT64,
  string: DataType.STRING,
  timestamp: DataType.TIMESTAMP,
};

/** A feature store that knows the training sets that were put into it. */
export class FakeFeatureStore {
  readonly #sets = new Map<string, TrainingSet>();

  /** The service to register on the test server. */
  readonly registration: ServiceRegistration = implement(FeatureStoreService, {
    getTrainingSet: ({ name }) => {
      const trainingSet = this.#sets.get(name);
      if (!trainingSet) throw notFound('TrainingSet', name);
      return { trainingSet };
    },
  });

  /** Makes a training set of the rows of a query with `event_time`, features and `label`; gives its name. */
  async add(
    platform: Pick<Platform, 'blobs'> & { tables: TableEngine },
    id: string,
    sql: string,
    state: JobState = JobState.SUCCEEDED,
  ): Promise<string> {
    const { schema, files, rows } = await platform.tables.writeParquet({ sql });
    const name = names.trainingSet.format({ workspace: 'default', trainingSet: id });
    const manifest = createManifest(name, { schema, files });
    await saveManifest(platform.blobs, manifest);
    const fields = schema.fields.map(({ id: field, name: column, type }) => ({
      id: field,
      name: column,
      type: TYPES[type] ?? DataType.BINARY,
    }));
    this.#sets.set(
      name,
      create(TrainingSetSchema, {
        name,
        labelVersion: `${WORKSPACE}/datasets/flights/versions/1`,
        viewVersions: { origin: `${WORKSPACE}/datasets/flights/versions/1` },
        execution: { state },
        table: { manifest: { digest: manifestDigest(manifest) }, rows: BigInt(rows) },
        featureColumns: fields.filter((field) => !['event_time', 'label'].includes(field.name)),
      }),
    );
    return name;
  }
}

/** The training service on a real platform, with a fake feature store. */
export async function createRig(config: Partial<TrainingConfig> = {}) {
  const featureStore = new FakeFeatureStore();
  const platform = await createTestPlatform({
    modules: (own) => [
      createTrainingModule({ config: trainingConfigSchema.parse({ threadsMax: 2, ...config }), platform: own }),
    ],
    fakes: [featureStore.registration],
  });
  const training = platform.client(TrainingService);
  return {
    platform,
    featureStore,
    training,
    addSet: (id: string, sql: string, state?: JobState) => featureStore.add(platform.platform, id, sql, state),
    /** Waits until a job has ended and gives it. */
    async ended(name: string) {
      let last: Awaited<ReturnType<typeof training.getTrainingJob>>['trainingJob'];
      for await (const { trainingJob } of training.watchTrainingJob({ name })) last = trainingJob;
      return last!;
    },
    /** The first event about a finished job from now on. */
    finishedEvents(): Promise<ReceivedEvent> {
      const { promise, resolve, reject } = Promise.withResolvers<ReceivedEvent>();
      platform.platform.bus
        .consume({
          name: `test-${platform.platform.ids.next()}`,
          database: platform.platform.database('training'),
          subjects: ['millrace.training.v1.training_job.finished'],
          startAt: 'now',
          handler: async (event) => resolve(event),
        })
        .then((consumer) => promise.then(() => consumer.stop()), reject);
      return promise;
    },
    stop: () => platform.stop(),
  };
}

/** A rig of {@link createRig}. */
export type Rig = Awaited<ReturnType<typeof createRig>>;

/**
 * SQL of `rows` seeded rows whose label follows from `x`, `city` and noise: `x` with missing values, `n` integers, `flag`
 * booleans, `city` of five texts with missing ones; one row a minute from 2024-01-01.
 */
export function smallSet(rows: number): string {
  return `SELECT event_time, x, n, flag, city, (score + noise > 0.8) AS label FROM (
    SELECT *, coalesce(x, 0.5) + CASE city WHEN 'ulm' THEN 0.4 WHEN 'oslo' THEN -0.2 ELSE 0 END AS score FROM (
      SELECT TIMESTAMP '2024-01-01' + to_minutes(i) AS event_time,
        CASE WHEN hash(i, 1) % 20 = 0 THEN NULL ELSE (hash(i, 2) % 100000) / 1e5 END AS x,
        CAST(hash(i, 3) % 50 AS BIGINT) AS n,
        hash(i, 4) % 3 = 0 AS flag,
        CASE hash(i, 5) % 6 WHEN 0 THEN 'ulm' WHEN 1 THEN 'oslo' WHEN 2 THEN 'rome' WHEN 3 THEN 'nice' WHEN 4 THEN 'graz' END AS city,
        (hash(i, 6) % 1000) / 2500.0 AS noise
      FROM range(${rows}) t(i)))
    ORDER BY event_time`;
}
