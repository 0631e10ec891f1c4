import { join } from 'node:path';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import type { Running } from '@millrace/events';
import { eventsMigrations } from '@millrace/events';
import type { JobRunner } from '@millrace/jobs';
import { jobsMigrations, startJobRunner } from '@millrace/jobs';
import type { Subscription } from '@millrace/postgres';
import { migrate } from '@millrace/postgres';
import type { Module, Platform } from '@millrace/process';
import { createClient, implement } from '@millrace/rpc';
import { withoutTracing } from '@millrace/telemetry';
import type { ServingConfig } from './config.ts';
import { consumePromotions } from './consumers.ts';
import { DEPLOYMENT_JOB, runDeployment } from './deploy.ts';
import type { ServingDeps } from './deps.ts';
import { EndpointSet } from './endpoint-set.ts';
import { FeatureLookup } from './feature-lookup.ts';
import { inferenceService, modelInferMethod } from './inference-service.ts';
import { registerMetrics } from './metrics.ts';
import { SigningKeys } from './model-source.ts';
import { createService } from './service.ts';
import { endpointChannel } from './store/deployments.ts';

export type { ServingConfig } from './config.ts';
export { servingConfigSchema } from './config.ts';

const SERVICE = 'serving';
/** Deadline of a look-up in the feature store. */
const LOOKUP_TIMEOUT_MS = 10_000;

/** Serving: endpoints, deployments, the Open Inference Protocol and the prediction log. */
export function createServingModule({ config, platform }: { config: ServingConfig; platform: Platform }): Module {
  const database = platform.database(SERVICE);
  const telemetry = platform.telemetry(SERVICE);
  const logger = telemetry.logger('endpoints');
  const registry = createClient(RegistryService, platform.channel('registry'));
  const featureStore = createClient(FeatureStoreService, platform.channel('feature-store'));
  const lookup = new FeatureLookup(featureStore, {
    rowsMax: config.lookupRowsMax,
    inFlightMax: config.lookupsInFlightMax,
    timeoutMs: LOOKUP_TIMEOUT_MS,
  });
  const endpoints = new EndpointSet({ config, platform, database, lookup, logger });
  const deps: ServingDeps = { config, platform, database, registry, featureStore, endpoints, logger };
  const keys = new SigningKeys(registry);
  let relay: Running | undefined;
  let consumer: Running | undefined;
  let jobs: JobRunner | undefined;
  let changes: Subscription | undefined;
  let flushTimer: NodeJS.Timeout | undefined;
  let endMetrics: (() => void) | undefined;

  return {
    name: SERVICE,
    dependsOn: ['registry', 'feature-store'],
    grpcServices: [implement(ServingService, createService(deps)), inferenceService(endpoints, platform.codeRevision)],
    rawMethods: [modelInferMethod(endpoints)],
    async start() {
      const own = { name: SERVICE, directory: join(import.meta.dirname, '../migrations') };
      await migrate(database, [eventsMigrations, jobsMigrations, own]);
      changes = await database.listen(endpointChannel(database.schema), (name) => {
        void (name === '' ? endpoints.syncAll() : endpoints.sync(name));
      });
      await endpoints.syncAll();
      endMetrics = registerMetrics(telemetry, endpoints);
      relay = await platform.bus.startRelay(database, SERVICE);
      const kinds = {
        [DEPLOYMENT_JOB]: {
          handler: (job: Parameters<typeof runDeployment>[1]) => runDeployment({ ...deps, keys }, job),
        },
      };
      jobs = await startJobRunner({
        database,
        service: SERVICE,
        kinds,
        leaseMs: config.leaseMs,
        logger: telemetry.logger('jobs'),
        telemetry,
      });
      consumer = await consumePromotions(deps);
      flushTimer = setInterval(() => {
        withoutTracing(() => {
          for (const { log } of endpoints.all()) void log.flushQuietly();
        });
      }, config.log.flushIntervalMs);
    },
    async stop(deadlineMs) {
      clearInterval(flushTimer);
      await consumer?.stop();
      await jobs?.stop({ deadlineMs });
      await changes?.close();
      const waiting = await endpoints.close();
      endMetrics?.();
      await relay?.stop();
      return waiting;
    },
  };
}
