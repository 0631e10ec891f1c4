import { join } from 'node:path';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { eventsMigrations, type Running } from '@millrace/events';
import { type JobRunner, jobsMigrations, startJobRunner } from '@millrace/jobs';
import { invariant } from '@millrace/kernel';
import { migrate } from '@millrace/postgres';
import type { Module, Platform } from '@millrace/process';
import { implement } from '@millrace/rpc';
import type { RegistryConfig } from './config.ts';
import { createSigner, type Signer } from './domain/statement.ts';
import { judgePromotion } from './promotion-job.ts';
import { originsOf } from './register.ts';
import { createService } from './service.ts';
import { loadSigningKey } from './signing-key.ts';

export type { RegistryConfig } from './config.ts';
export { registryConfigSchema } from './config.ts';

const SERVICE = 'registry';

/** The registry: model versions, aliases, promotions. */
export function createRegistryModule({ config, platform }: { config: RegistryConfig; platform: Platform }): Module {
  const database = platform.database(SERVICE);
  const telemetry = platform.telemetry(SERVICE);
  const origins = originsOf(platform);
  let signer: Signer | undefined;
  let relay: Running | undefined;
  let jobs: JobRunner | undefined;
  const service = createService({
    platform,
    database,
    origins,
    signer: () => {
      invariant(signer, 'the registry signs only after its start');
      return signer;
    },
  });
  return {
    name: SERVICE,
    dependsOn: ['ingestion', 'feature-store', 'training'],
    grpcServices: [implement(RegistryService, service)],
    async start() {
      const own = { name: SERVICE, directory: join(import.meta.dirname, '../migrations') };
      await migrate(database, [eventsMigrations, jobsMigrations, own]);
      signer = createSigner(await loadSigningKey(await platform.serviceDirectory(SERVICE), config.signingKeyFile));
      relay = await platform.bus.startRelay(database, SERVICE);
      jobs = await startJobRunner({
        database,
        service: SERVICE,
        leaseMs: config.leaseMs,
        kinds: {
          promotion: {
            handler: (context) => judgePromotion({ platform, database, origins, config }, context),
            concurrency: config.promotionConcurrency,
          },
        },
        logger: telemetry.logger('jobs'),
        telemetry,
      });
    },
    async stop(deadlineMs) {
      await jobs?.stop({ deadlineMs });
      await relay?.stop();
      return [];
    },
  };
}
