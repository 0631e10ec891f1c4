import { toJson } from '@bufbuild/protobuf';
import { FeatureViewSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { MaterializeStepSchema, TrainingSetStepSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { names } from '@millrace/kernel';
import type { ActionCall } from './action.ts';
import { action, optionalTime, requiredTime } from './action.ts';

/**
 * Joins labels and features. Unchanged while the feature service, its views, and the published versions of their datasets
 * and of the label dataset are the same.
 */
export const trainingSet = action<typeof TrainingSetStepSchema>({
  schema: TrainingSetStepSchema,
  async start(spec, { clients, workspace, requestId, options }) {
    const { featureService, labelDataset, label, filter, rowsMax, seed } = spec;
    const startTime = optionalTime('trainingSet.startTime', spec.startTime);
    const endTime = optionalTime('trainingSet.endTime', spec.endTime);
    const bounds = { ...(startTime && { startTime }), ...(endTime && { endTime }) };
    const created = await clients.featureStore.createTrainingSet(
      { parent: workspace, spec: { featureService, labelDataset, label, filter, rowsMax, seed, ...bounds }, requestId },
      options,
    );
    return { resource: created.trainingSet?.name ?? '' };
  },
  async *watch(resource, _spec, { clients, options }) {
    for await (const { trainingSet: set } of clients.featureStore.watchTrainingSet({ name: resource }, options)) {
      if (!set) continue;
      const rows = set.table?.rows ?? 0n;
      yield {
        execution: set.execution,
        outcome: () => ({ outputs: { trainingSet: set.name, rows: String(rows) }, rows }),
      };
    }
  },
  stop: (resource, { clients, options }) => clients.featureStore.cancelTrainingSet({ name: resource }, options),
  async pins({ featureService, labelDataset }, call) {
    const { clients, options } = call;
    const service = await clients.featureStore.getFeatureService({ name: featureService }, options);
    const views = await Promise.all(
      (service.featureService?.views ?? []).map(async ({ featureView: name }) => {
        const view = (await clients.featureStore.getFeatureView({ name }, options)).featureView;
        if (!view) return name;
        const { materializedTime, createTime, updateTime, etag, ...definition } = toJson(FeatureViewSchema, view) as {
          [key: string]: unknown;
        };
        return { definition, version: await publishedVersion(view.dataset, call) };
      }),
    );
    return { service: service.featureService?.etag, views, labels: await publishedVersion(labelDataset, call) };
  },
});

/** Computes online values. Always runs: the online store is outside state. */
export const materialize = action<typeof MaterializeStepSchema>({
  schema: MaterializeStepSchema,
  async start({ featureViews, asOf }, { clients, workspace, requestId, options }) {
    const { materialization } = await clients.featureStore.materialize(
      { parent: workspace, featureViews, asOf: requiredTime('materialize.asOf', asOf), requestId },
      options,
    );
    return { resource: materialization?.name ?? '' };
  },
  async *watch(resource, _spec, { clients, options }) {
    for await (const { materialization } of clients.featureStore.watchMaterialization({ name: resource }, options)) {
      if (!materialization) continue;
      const { name, execution, writtenRows: rows } = materialization;
      yield { execution, outcome: () => ({ outputs: { materialization: name, rows: String(rows) }, rows }) };
    }
  },
});

/** A version's own name, or the newest published version of a dataset. */
async function publishedVersion(name: string, { clients, options }: ActionCall): Promise<string> {
  if (names.datasetVersion.matches(name)) return name;
  return (await clients.ingestion.getDataset({ name }, options)).dataset?.publishedVersion ?? '';
}
