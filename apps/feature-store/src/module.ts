import { join } from 'node:path';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { eventsMigrations } from '@millrace/events';
import { jobsMigrations, startJobRunner } from '@millrace/jobs';
import { migrate } from '@millrace/postgres';
import type { Module, Platform } from '@millrace/process';
import { createClient } from '@millrace/rpc';
import { BoundaryValues } from './boundary-values.ts';
import { createChanges } from './changes.ts';
import { createCompiler } from './compile.ts';
import type { FeatureStoreConfig } from './config.ts';
import { createDatasets } from './datasets.ts';
import type { Deps } from './deps.ts';
import { failMaterialization, MATERIALIZATION_JOB, runMaterialization } from './materializations.ts';
import { OnlineFeatures } from './online-features.ts';
import { createService } from './service.ts';
import { failTrainingSet, runTrainingSet } from './training-set-job.ts';
import { TRAINING_SET_JOB } from './training-sets.ts';

export type { FeatureStoreConfig } from './config.ts';
export { featureStoreConfigSchema } from './config.ts';

const NAME = 'feature-store';

/** The feature store: what features mean, training sets, and the online store. */
export function createFeatureStoreModule({
  config,
  platform,
}: {
  config: FeatureStoreConfig;
  platform: Platform;
}): Module {
  const { blobs, tables, clock, ids } = platform;
  const database = platform.database(NAME);
  const telemetry = platform.telemetry(NAME);
  const deps: Deps = {
    config,
    database,
    blobs,
    tables,
    clock,
    ids,
    telemetry,
    compiler: createCompiler(tables),
    datasets: createDatasets(createClient(IngestionService, platform.channel('ingestion'))),
    changes: createChanges(database),
  };
  const boundaries = new BoundaryValues(deps);
  const stops: ((deadlineMs: number) => Promise<unknown>)[] = [];
  return {
    name: NAME,
    dependsOn: ['ingestion'],
    grpcServices: [createService(deps, new OnlineFeatures(deps))],
    async start() {
      const migrations = { name: 'feature-store', directory: join(import.meta.dirname, '../migrations') };
      await migrate(database, [eventsMigrations, jobsMigrations, migrations]);
      const listening = await deps.changes.listen();
      stops.push(() => listening.close());
      const relay = await platform.bus.startRelay(database, NAME);
      stops.push(() => relay.stop());
      const runner = await startJobRunner({
        database,
        service: NAME,
        leaseMs: config.leaseMs,
        logger: telemetry.logger('jobs'),
        telemetry,
        kinds: {
          [TRAINING_SET_JOB]: {
            handler: (ctx) => runTrainingSet(deps, ctx),
            onFailed: failTrainingSet,
            concurrency: config.trainingSetConcurrency,
          },
          [MATERIALIZATION_JOB]: {
            handler: (ctx) => runMaterialization(deps, boundaries, ctx),
            onFailed: failMaterialization,
            concurrency: config.materializationConcurrency,
          },
        },
      });
      stops.push((deadlineMs) => runner.stop({ deadlineMs }));
    },
    async stop(deadlineMs) {
      for (const stop of stops.splice(0).reverse()) await stop(deadlineMs);
      return [];
    },
  };
}
