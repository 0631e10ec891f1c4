import type { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import type { Database } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import type { Client } from '@millrace/rpc';
import type { Logger } from '@millrace/telemetry';
import type { ServingConfig } from './config.ts';
import type { EndpointSet } from './endpoint-set.ts';

/** What handlers, jobs and consumers of serving work with. */
export interface ServingDeps {
  readonly config: ServingConfig;
  readonly platform: Platform;
  readonly database: Database;
  readonly registry: Client<typeof RegistryService>;
  readonly featureStore: Client<typeof FeatureStoreService>;
  readonly endpoints: EndpointSet;
  readonly logger: Logger;
}
