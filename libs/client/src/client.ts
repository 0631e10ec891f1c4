import { GRPCInferenceService } from '@millrace/contracts/inference/inference';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { MonitoringService } from '@millrace/contracts/millrace/monitoring/v1/monitoring_service';
import { OrchestratorService } from '@millrace/contracts/millrace/orchestrator/v1/orchestrator_service';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { ValidationService } from '@millrace/contracts/millrace/validation/v1/validation_service';
import type { Client, ClientOptions, RpcChannel } from '@millrace/rpc';
import { createChannel, createClient } from '@millrace/rpc';
import type { Telemetry } from '@millrace/telemetry';
import { createTelemetry } from '@millrace/telemetry';

/** Every service of a platform, typed by its contract. */
export interface MillraceClient {
  readonly ingestion: Client<typeof IngestionService>;
  readonly validation: Client<typeof ValidationService>;
  readonly featureStore: Client<typeof FeatureStoreService>;
  readonly training: Client<typeof TrainingService>;
  readonly registry: Client<typeof RegistryService>;
  readonly serving: Client<typeof ServingService>;
  readonly monitoring: Client<typeof MonitoringService>;
  readonly orchestrator: Client<typeof OrchestratorService>;
  /** Predictions, by the Open Inference Protocol. */
  readonly inference: Client<typeof GRPCInferenceService>;
  /** Resolves once connected; throws UNAVAILABLE `SERVER_UNREACHABLE` after this time. */
  waitForReady(timeoutMs: number): Promise<void>;
  /** Ends the connections. */
  close(): void;
}

/** Where a platform is, and how it is called. */
export interface MillraceClientOptions {
  /** `host:port` of the platform's gRPC port; or one address for each service, by name (`feature-store`, …). */
  readonly address: string | ((service: string) => string);
  /** For spans of the calls. Default: spans are not kept. */
  readonly telemetry?: Telemetry;
  /** Deadlines and metadata of all calls. */
  readonly calls?: ClientOptions;
}

/** Makes a client of a whole platform. Nothing is connected before the first call. */
export function createMillraceClient(options: MillraceClientOptions): MillraceClient {
  const { address, calls } = options;
  const telemetry = options.telemetry ?? createTelemetry({ serviceName: 'client' });
  const channels = new Map<string, RpcChannel>();
  const channel = (service: string): RpcChannel => {
    const target = typeof address === 'string' ? address : address(service);
    const known = channels.get(target);
    if (known) return known;
    const opened = createChannel({ address: target, telemetry });
    channels.set(target, opened);
    return opened;
  };
  return {
    ingestion: createClient(IngestionService, channel('ingestion'), calls),
    validation: createClient(ValidationService, channel('validation'), calls),
    featureStore: createClient(FeatureStoreService, channel('feature-store'), calls),
    training: createClient(TrainingService, channel('training'), calls),
    registry: createClient(RegistryService, channel('registry'), calls),
    serving: createClient(ServingService, channel('serving'), calls),
    monitoring: createClient(MonitoringService, channel('monitoring'), calls),
    orchestrator: createClient(OrchestratorService, channel('orchestrator'), calls),
    inference: createClient(GRPCInferenceService, channel('serving'), calls),
    async waitForReady(timeoutMs) {
      await Promise.all([...channels.values()].map((c) => c.waitForReady(timeoutMs)));
    },
    close() {
      for (const opened of channels.values()) opened.close();
    },
  };
}
