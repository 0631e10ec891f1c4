import type { DescFile, JsonValue, Message } from '@bufbuild/protobuf';
import { createRegistry, toJson } from '@bufbuild/protobuf';
import { GRPCInferenceService } from '@millrace/contracts/inference/inference';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { MonitoringService } from '@millrace/contracts/millrace/monitoring/v1/monitoring_service';
import { OrchestratorService } from '@millrace/contracts/millrace/orchestrator/v1/orchestrator_service';
import { RegistryService } from '@millrace/contracts/millrace/registry/v1/registry_service';
import { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { ValidationService } from '@millrace/contracts/millrace/validation/v1/validation_service';
import { invariant } from '@millrace/kernel';

const SERVICES = [
  IngestionService,
  ValidationService,
  FeatureStoreService,
  TrainingService,
  RegistryService,
  ServingService,
  MonitoringService,
  OrchestratorService,
  GRPCInferenceService,
];

let registry: ReturnType<typeof createRegistry> | undefined;

/** A message of any contract in protobuf's JSON form, with fields that hold their default value, so that keys are stable. */
export function plainJson(message: Message): JsonValue {
  registry ??= createRegistry(...allFiles());
  const schema = registry.getMessage(message.$typeName);
  invariant(schema, `${message.$typeName} belongs to a contract`);
  return toJson(schema, message, { alwaysEmitImplicit: true, registry });
}

function allFiles(): DescFile[] {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file.name)) return;
    files.set(file.name, file);
    for (const dependency of file.dependencies) add(dependency);
  };
  for (const service of SERVICES) add(service.file);
  return [...files.values()];
}
