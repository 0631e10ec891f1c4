import type { DescField } from '@bufbuild/protobuf';
import { names } from '@millrace/kernel';

/** Resource types whose names stand in a field. */
type Kind = keyof typeof names;

/** Fields of a pipeline that hold a resource's name, by full field name; in a file a bare id will do. */
const NAME_FIELDS: Readonly<Record<string, Kind>> = {
  'millrace.orchestrator.v1.Pipeline.name': 'pipeline',
  'millrace.orchestrator.v1.IngestStep.source': 'source',
  'millrace.orchestrator.v1.IngestStep.dataset': 'dataset',
  'millrace.orchestrator.v1.ReplayStep.dataset': 'dataset',
  'millrace.orchestrator.v1.ValidateStep.dataset': 'dataset',
  'millrace.orchestrator.v1.ValidateStep.data_contract': 'dataContract',
  'millrace.orchestrator.v1.TrainingSetStep.feature_service': 'featureService',
  'millrace.orchestrator.v1.TrainingSetStep.label_dataset': 'dataset',
  'millrace.orchestrator.v1.MaterializeStep.feature_views': 'featureView',
  'millrace.orchestrator.v1.TrainStep.experiment': 'experiment',
  'millrace.orchestrator.v1.RegisterStep.registered_model': 'registeredModel',
  'millrace.orchestrator.v1.DeployStep.endpoint': 'endpoint',
  'millrace.orchestrator.v1.MonitorStep.monitor': 'monitor',
  'millrace.ingestion.v1.Source.name': 'source',
  'millrace.ingestion.v1.Dataset.name': 'dataset',
  'millrace.validation.v1.DataContract.name': 'dataContract',
  'millrace.validation.v1.DataContract.dataset': 'dataset',
  'millrace.featurestore.v1.Entity.name': 'entity',
  'millrace.featurestore.v1.FeatureView.name': 'featureView',
  'millrace.featurestore.v1.FeatureView.entity': 'entity',
  'millrace.featurestore.v1.FeatureView.dataset': 'dataset',
  'millrace.featurestore.v1.FeatureService.name': 'featureService',
  'millrace.featurestore.v1.ViewProjection.feature_view': 'featureView',
  'millrace.serving.v1.Endpoint.name': 'endpoint',
  'millrace.serving.v1.Endpoint.registered_model': 'registeredModel',
  'millrace.monitoring.v1.Monitor.name': 'monitor',
  'millrace.monitoring.v1.Monitor.endpoint': 'endpoint',
};

/** Whether a text holds a reference, `${…}`, so that its value is known only in a run. */
export function hasReference(text: string): boolean {
  return text.includes('${');
}

/**
 * The text of a field with a bare id completed to a name in the workspace. Names (with a slash), empty texts, texts with
 * references, and fields that hold no name come back as they are.
 *
 * @throws AppError INVALID_ARGUMENT `RESOURCE_ID_INVALID` when a bare id is not valid.
 */
export function completeName(field: DescField, text: string, workspace: string): string {
  const kind = NAME_FIELDS[`${field.parent.typeName}.${field.name}`];
  if (kind === undefined || text === '' || text.includes('/') || hasReference(text)) return text;
  const pattern = names[kind];
  const variable = pattern.pattern.slice(pattern.pattern.lastIndexOf('{') + 1, -1);
  const format = pattern.format as (ids: Record<string, string>) => string;
  return format({ workspace, [variable]: text });
}
