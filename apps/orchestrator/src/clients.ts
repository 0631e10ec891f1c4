import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { MonitoringService } from '@millrace/contracts/millrace/monitoring/v1/monitoring_service';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { ValidationService } from '@millrace/contracts/millrace/validation/v1/validation_service';
import type { Platform } from '@millrace/process';
import type { Client } from '@millrace/rpc';
import { createClient } from '@millrace/rpc';

/** The services that steps call. */
export interface Clients {
  readonly ingestion: Client<typeof IngestionService>;
  readonly validation: Client<typeof ValidationService>;
  readonly featureStore: Client<typeof FeatureStoreService>;
  readonly training: Client<typeof TrainingService>;
  readonly registry: Client<typeof RegistryService>;
  readonly serving: Client<typeof ServingService>;
  readonly monitoring: Client<typeof MonitoringService>;
}

/** Makes the clients; nothing is connected before the first call. */
export function createClients(platform: Platform): Clients {
  return {
    ingestion: createClient(IngestionService, platform.channel('ingestion')),
    validation: createClient(ValidationService, platform.channel('validation')),
    featureStore: createClient(FeatureStoreService, platform.channel('feature-store')),
    training: createClient(TrainingService, platform.channel('training')),
    registry: createClient(RegistryService, platform.channel('registry')),
    serving: createClient(ServingService, platform.channel('serving')),
    monitoring: createClient(MonitoringService, platform.channel('monitoring')),
  };
}
