import { GRPCInferenceService } from '@millrace/contracts/inference/inference';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { MonitoringService } from '@millrace/contracts/millrace/monitoring/v1/monitoring_service';
import { OrchestratorService } from '@millrace/contracts/millrace/orchestrator/v1/orchestrator_service';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { ValidationService } from '@millrace/contracts/millrace/validation/v1/validation_service';
import type { Module, Platform } from '@millrace/process';
import { createClient } from '@millrace/rpc';
import type { GatewayConfig } from './config.ts';
import { createHttp } from './http.ts';
import { createJsonRpc } from './json-rpc.ts';

export type { GatewayConfig } from './config.ts';
export { gatewayConfigSchema } from './config.ts';

/** The gateway, and where its HTTP port is once it has started. */
export interface GatewayModule extends Module {
  /** The HTTP port; 0 before the start. */
  readonly port: number;
}

/** One HTTP port for everything: health, metrics, JSON over the gRPC contracts, REST inference. */
export function createGatewayModule({
  config,
  platform,
}: {
  config: GatewayConfig;
  platform: Platform;
}): GatewayModule {
  const telemetry = platform.telemetry('gateway');
  const services = [
    ['ingestion', IngestionService],
    ['validation', ValidationService],
    ['feature-store', FeatureStoreService],
    ['training', TrainingService],
    ['registry', RegistryService],
    ['serving', ServingService],
    ['monitoring', MonitoringService],
    ['orchestrator', OrchestratorService],
  ] as const;
  let isReady = false;
  let port = 0;
  let http: ReturnType<typeof createHttp> | undefined;
  return {
    name: 'gateway',
    dependsOn: services.map(([name]) => name),
    grpcServices: [],
    get port() {
      return port;
    },
    async start() {
      http = createHttp({
        jsonRpc: createJsonRpc(services.map(([name, descriptor]) => ({ descriptor, channel: platform.channel(name) }))),
        inference: createClient(GRPCInferenceService, platform.channel('serving')),
        telemetry,
        logger: telemetry.logger('http'),
        bodyBytesMax: config.bodyBytesMax,
        isReady: () => isReady,
      });
      await http.listen({ host: config.host, port: config.port });
      const address = http.server.address();
      port = typeof address === 'object' && address ? address.port : config.port;
      isReady = true;
    },
    async stop() {
      isReady = false;
      await http?.close();
      return [];
    },
  };
}
