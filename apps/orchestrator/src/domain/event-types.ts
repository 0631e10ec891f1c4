import type { DescMessage } from '@bufbuild/protobuf';
import { file_millrace_featurestore_v1_feature_store_events } from '@millrace/contracts/millrace/featurestore/v1/feature_store_events';
import { file_millrace_ingestion_v1_ingestion_events } from '@millrace/contracts/millrace/ingestion/v1/ingestion_events';
import { file_millrace_monitoring_v1_monitoring_events } from '@millrace/contracts/millrace/monitoring/v1/monitoring_events';
import { file_millrace_orchestrator_v1_orchestrator_events } from '@millrace/contracts/millrace/orchestrator/v1/orchestrator_events';
import { file_millrace_registry_v1_registry_events } from '@millrace/contracts/millrace/registry/v1/registry_events';
import { file_millrace_serving_v1_serving_events } from '@millrace/contracts/millrace/serving/v1/serving_events';
import { file_millrace_training_v1_training_events } from '@millrace/contracts/millrace/training/v1/training_events';
import { file_millrace_validation_v1_validation_events } from '@millrace/contracts/millrace/validation/v1/validation_events';

const FILES = [
  file_millrace_ingestion_v1_ingestion_events,
  file_millrace_validation_v1_validation_events,
  file_millrace_featurestore_v1_feature_store_events,
  file_millrace_training_v1_training_events,
  file_millrace_registry_v1_registry_events,
  file_millrace_serving_v1_serving_events,
  file_millrace_monitoring_v1_monitoring_events,
  file_millrace_orchestrator_v1_orchestrator_events,
];

/**
 * The message of each event by its subject. Both follow one rule: `AlertRaised` of package `millrace.monitoring.v1` has
 * the subject `millrace.monitoring.v1.alert.raised`, the last word being the verb.
 */
export const EVENT_TYPES: ReadonlyMap<string, DescMessage> = new Map(
  FILES.flatMap((file) => file.messages.map((message) => [subjectOf(message), message] as const)),
);

function subjectOf(message: DescMessage): string {
  const words = message.name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split('_');
  return `${message.file.proto.package}.${words.slice(0, -1).join('_')}.${words.at(-1)}`;
}
