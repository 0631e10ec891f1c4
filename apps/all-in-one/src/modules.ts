import { createFeatureStoreModule, featureStoreConfigSchema } from '@millrace/feature-store/module';
import type { GatewayModule } from '@millrace/gateway/module';
import { createGatewayModule } from '@millrace/gateway/module';
import { createIngestionModule, ingestionConfigSchema } from '@millrace/ingestion/module';
import { createMonitoringModule, monitoringConfigSchema } from '@millrace/monitoring/module';
import { createOrchestratorModule, orchestratorConfigSchema } from '@millrace/orchestrator/module';
import type { Module, Platform } from '@millrace/process';
import { createRegistryModule, registryConfigSchema } from '@millrace/registry/module';
import { createServingModule, servingConfigSchema } from '@millrace/serving/module';
import { createTrainingModule, trainingConfigSchema } from '@millrace/training/module';
import { createValidationModule, validationConfigSchema } from '@millrace/validation/module';
import type { AllInOneConfig } from './config.ts';

/** All modules of the platform, each with its default configuration but for what is common to all. */
export function createModules(
  platform: Platform,
  config: Pick<AllInOneConfig, 'gateway' | 'leaseMs'>,
): { all: Module[]; gateway: GatewayModule } {
  const { leaseMs } = config;
  const gatewayModule = createGatewayModule({ config: config.gateway, platform });
  return {
    gateway: gatewayModule,
    all: [
      createIngestionModule({ config: ingestionConfigSchema.parse({ leaseMs }), platform }),
      createValidationModule({ config: validationConfigSchema.parse({ leaseMs }), platform }),
      createFeatureStoreModule({ config: featureStoreConfigSchema.parse({ leaseMs }), platform }),
      createTrainingModule({ config: trainingConfigSchema.parse({ leaseMs }), platform }),
      createRegistryModule({ config: registryConfigSchema.parse({ leaseMs }), platform }),
      createServingModule({ config: servingConfigSchema.parse({ leaseMs }), platform }),
      createMonitoringModule({ config: monitoringConfigSchema.parse({ leaseMs }), platform }),
      createOrchestratorModule({ config: orchestratorConfigSchema.parse({ leaseMs }), platform }),
      gatewayModule,
    ],
  };
}
