import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { type TrainingSet, TrainingSetSchema } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { DatasetVersionSchema } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { GateSchema, Promotion } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { type TrainingJob, TrainingJobSchema } from '@millrace/contracts/millrace/training/v1/training_job';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { notFound } from '@millrace/kernel';
import { fitPipeline } from '@millrace/learning';
import { implement } from '@millrace/rpc';
import { createManifest, manifestDigest, saveManifest } from '@millrace/tables';
import { createTestPlatform } from '@millrace/testing';
import { createRegistryModule, registryConfigSchema } from '../src/module.ts';

/** The workspace of all tests. */
export const WORKSPACE = 'workspaces/default';
/** The feature service of all models but those that say otherwise. */
export const SERVICE = `${WORKSPACE}/featureServices/flights`;

const FLIGHTS = `${WORKSPACE}/datasets/flights/versions/3`;
const WEATHER = `${WORKSPACE}/datasets/weather/versions/8`;

/** Labels follow from `x`; `noise` says nothing about them. */
export const EVALUATION_SQL = `SELECT TIMESTAMP '2024-01-01' + to_minutes(i) AS event_time, x, noise,
    x + (hash(i, 3) % 1000) / 2000.0 > 0.75 AS label FROM (
      SELECT i, (hash(i, 1) % 10000) / 1e4 AS x, (hash(i, 2) % 10000) / 1e4 AS noise FROM range(2000) t(i))
  ORDER BY event_time`;

/** Bytes of a logistic regression that has learnt from one column, named as in the evaluation set. */
export async function modelFrom(column: 'x' | 'noise', seed: number): Promise<Uint8Array> {
  const rows = 400;
  const values = Float32Array.from({ length: rows }, (_, i) => ((i * 7919 + seed) % rows) / rows);
  const labels = Uint8Array.from(values, (x, i) => (column === 'x' ? Number(x > 0.5) : i % 2));
  const frame = { rows, columns: { [column]: { kind: 'numeric' as const, values } } };
  const fitted = await fitPipeline(frame, labels, { task: 'binary', estimator: { kind: 'logistic' }, seed });
  return fitted.exportOnnx();
}

/** The registry on a real platform; training, feature store and ingestion are played. */
export async function createRig() {
  const jobs = new Map<string, TrainingJob>();
  const sets = new Map<string, TrainingSet>();
  const known = <T>(map: ReadonlyMap<string, T>, kind: string, name: string): T => {
    const found = map.get(name);
    if (found === undefined) throw notFound(kind, name);
    return found;
  };
  const testPlatform = await createTestPlatform({
    modules: (platform) => [createRegistryModule({ config: registryConfigSchema.parse({}), platform })],
    fakes: [
      implement(TrainingService, {
        getTrainingJob: ({ name }) => ({ trainingJob: known(jobs, 'TrainingJob', name) }),
        getRun: ({ name }) => ({ run: { name, params: { learning_rate: '0.1' } } }),
      }),
      implement(FeatureStoreService, {
        getTrainingSet: ({ name }) => ({ trainingSet: known(sets, 'TrainingSet', name) }),
      }),
      implement(IngestionService, {
        getDatasetVersion: ({ name }) => ({
          datasetVersion: create(DatasetVersionSchema, {
            name,
            table: { manifest: { digest: `digest of ${name}` } },
            validationRun: `${WORKSPACE}/validationRuns/of-${name.split('/')[3]}`,
          }),
        }),
      }),
    ],
  });
  const { platform } = testPlatform;
  const registry = testPlatform.client(RegistryService);

  const addSet = (id: string, fields: Partial<MessageInitShape<typeof TrainingSetSchema>> = {}): string => {
    const name = `${WORKSPACE}/trainingSets/${id}`;
    const base = {
      name,
      spec: { featureService: SERVICE, labelDataset: `${WORKSPACE}/datasets/flights`, label: 'late' },
      labelVersion: FLIGHTS,
      viewVersions: { origin: FLIGHTS, sky: WEATHER },
    };
    sets.set(name, create(TrainingSetSchema, { ...base, ...fields } as MessageInitShape<typeof TrainingSetSchema>));
    return name;
  };
  addSet('january');

  return {
    testPlatform,
    platform,
    registry,
    jobs,
    addSet,
    flights: FLIGHTS,
    weather: WEATHER,
    /** A training job that has succeeded with this model file; gives its name. */
    async addJob(id: string, model: Uint8Array, metrics: Record<string, number> = { auc: 0.7 }): Promise<string> {
      const name = `${WORKSPACE}/trainingJobs/${id}`;
      const { digest, sizeBytes } = await platform.blobs.put(model);
      jobs.set(
        name,
        create(TrainingJobSchema, {
          name,
          run: `${WORKSPACE}/experiments/e/runs/${id}`,
          spec: { trainingSet: `${WORKSPACE}/trainingSets/january`, seed: 7n, codeRevision: 'abc123' },
          execution: { state: JobState.SUCCEEDED },
          result: {
            model: { digest, sizeBytes: BigInt(sizeBytes), mediaType: 'application/onnx' },
            metrics,
            parity: { rows: 100n, maxAbs: 1e-7, labelFlips: 0n, tolerance: 1e-5 },
            environment: { node: '24' },
          },
        }),
      );
      return name;
    },
    /** A training set with rows; gives its name. */
    async addEvaluationSet(id: string, sql: string): Promise<string> {
      const { schema, files, rows } = await platform.tables.writeParquet({ sql });
      const manifest = createManifest(`${WORKSPACE}/trainingSets/${id}`, { schema, files });
      await saveManifest(platform.blobs, manifest);
      return addSet(id, {
        table: { manifest: { digest: manifestDigest(manifest) }, rows: BigInt(rows) },
        featureColumns: ['x', 'noise'].map((column) => ({ name: column, type: DataType.FLOAT64 })),
      });
    },
    /** Registers the model of a job; gives the version's name. */
    async register(model: string, trainingJob: string): Promise<string> {
      const { modelVersion } = await registry.registerModelVersion({
        registeredModel: `${WORKSPACE}/registeredModels/${model}`,
        trainingJob,
        actor: 'tester',
      });
      return modelVersion?.name ?? '';
    },
    /** Judges a promotion and waits for the end. */
    async promote(
      modelVersion: string,
      gates: readonly MessageInitShape<typeof GateSchema>[],
      requestId = '',
    ): Promise<Promotion> {
      const { promotion } = await registry.promoteModelVersion({
        modelVersion,
        alias: 'champion',
        gates: [...gates],
        actor: 'tester',
        requestId,
      });
      const registeredModel = modelVersion.split('/versions/')[0] as string;
      let last: Promotion | undefined;
      for await (const state of registry.watchPromotion({ registeredModel, id: promotion?.id ?? '' }))
        last = state.promotion;
      if (!last) throw new Error('No state of the promotion');
      return last;
    },
    stop: () => testPlatform.stop(),
  };
}

/** A rig of {@link createRig}. */
export type Rig = Awaited<ReturnType<typeof createRig>>;
