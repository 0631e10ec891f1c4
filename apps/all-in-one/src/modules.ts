import { createFeatureStoreModule, featureStoreConfigSchema } from '@millrace/feature-store/module';
import type { GatewayConfig, GatewayModule } from '@millrace/gateway/module';
import { createGatewayModule } from '@millrace/gateway/module';
import { createIngestionModule, ingestionConfigSchema } from '@millrace/ingestion/module';
import { createMonitoringModule, monitoringConfigSchema } from '@millrace/monitoring/module';
import { createOrchestratorModule, orchestratorConfigSchema } from '@millrace/orchestrator/module';
import type { Module, Platform } from '@millrace/process';
import { createRegistryModule, registryConfigSchema } from '@millrace/registry/module';
import { createServingModule, servingConfigSchema } from '@millrace/serving/module';
import { createTrainingModule, trainingConfigSchema } from '@millrace/training/module';
import { createValidationModule, validationConfigSchema } from '@millrace/validation/module';

/** All modules of the platform, each with its default configuration. */
export function createModules(platform: Platform, gateway: GatewayConfig): { all: Module[]; gateway: GatewayModule } {
  const gatewayModule = createGatewayModule({ config: gateway, platform });
  return {
    gateway: gatewayModule,
    all: [
      createIngestionModule({ config: ingestionConfigSchema.parse({}), platform }),
      createValidationModule({ config: validationConfigSchema.parse({}), platform }),
      createFeatureStoreModule({ config: featureStoreConfigSchema.parse({}), platform }),
      createTrainingModule({ config: trainingConfigSchema.parse({}), platform }),
      createRegistryModule({ config: registryConfigSchema.parse({}), platform }),
      createServingModule({ config: servingConfigSchema.parse({}), platform }),
      createMonitoringModule({ config: monitoringConfigSchema.parse({}), platform }),
      createOrchestratorModule({ config: orchestratorConfigSchema.parse({}), platform }),
      gatewayModule,
    ],
  };
}
