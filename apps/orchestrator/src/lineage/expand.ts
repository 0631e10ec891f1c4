import { timestampDate } from '@bufbuild/protobuf/wkt';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { Verdict } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { names, notFound } from '@millrace/kernel';
import type { Clients } from '../clients.ts';
import { timeText } from '../domain/calendar.ts';

/** A node of the graph and what went into it. */
export interface Found {
  readonly kind: string;
  readonly attributes: Record<string, string>;
  /** Names of what it was made of. */
  readonly madeOf: readonly string[];
}

type Expander = (clients: Clients, name: string) => Promise<Found>;

/** By the pattern of the name: the kind of node, and how its facts are found. */
const EXPANDERS: readonly (readonly [{ matches(name: string): boolean }, string, Expander])[] = [
  [names.endpoint, 'Endpoint', endpoint],
  [names.deployment, 'Deployment', deployment],
  [names.modelVersion, 'ModelVersion', modelVersion],
  [names.trainingJob, 'TrainingJob', trainingJob],
  [names.trainingSet, 'TrainingSet', trainingSet],
  [names.featureService, 'FeatureService', featureService],
  [names.featureView, 'FeatureView', featureView],
  [names.datasetVersion, 'DatasetVersion', datasetVersion],
  [names.ingestionRun, 'IngestionRun', ingestionRun],
  [names.validationRun, 'ValidationRun', validationRun],
  [names.source, 'Source', source],
];

/** The kind of a name that has a lineage of its own. */
export function kindOf(name: string): string | undefined {
  return EXPANDERS.find(([pattern]) => pattern.matches(name))?.[1];
}

/** Asks the owner of a resource for its facts and what it was made of. Names that are none of a service's are files. */
export async function expand(clients: Clients, name: string): Promise<Found> {
  const known = EXPANDERS.find(([pattern]) => pattern.matches(name));
  return known ? await known[2](clients, name) : { kind: 'File', attributes: {}, madeOf: [] };
}

async function endpoint({ serving }: Clients, name: string): Promise<Found> {
  const { endpoint: found } = await serving.getEndpoint({ name });
  if (!found) throw notFound('Endpoint', name);
  return node('Endpoint', { alias: found.alias, registeredModel: found.registeredModel }, [found.deployment?.name]);
}

async function deployment({ serving }: Clients, name: string): Promise<Found> {
  const parent = name.slice(0, name.indexOf('/deployments/'));
  const { deployments } = await serving.listDeployments({ parent, pageSize: 1000 });
  const found = deployments.find((one) => one.name === name);
  if (!found) throw notFound('Deployment', name);
  const activeTime = found.activeTime ? timeText(timestampDate(found.activeTime)) : '';
  return node('Deployment', { active: String(found.active), activeTime }, [found.modelVersion]);
}

async function modelVersion({ registry }: Clients, name: string): Promise<Found> {
  const { modelVersion: found } = await registry.getModelVersion({ name });
  if (!found) throw notFound('ModelVersion', name);
  const { lineage } = found;
  const metrics = Object.fromEntries(Object.entries(found.metrics).map(([metric, value]) => [metric, String(value)]));
  const facts = {
    ...metrics,
    digest: found.model?.digest,
    aliases: found.aliases.join(', '),
    codeRevision: lineage?.codeRevision,
    seed: lineage && String(lineage.seed),
    pipelineRun: lineage?.pipelineRun,
    run: lineage?.run,
  };
  const direct = lineage?.trainingJob
    ? [lineage.trainingJob, lineage.featureService]
    : [lineage?.trainingSet, lineage?.featureService, ...(lineage?.datasetVersions ?? [])];
  return node('ModelVersion', facts, direct);
}

async function trainingJob({ training }: Clients, name: string): Promise<Found> {
  const { trainingJob: found } = await training.getTrainingJob({ name });
  if (!found) throw notFound('TrainingJob', name);
  const estimator = found.spec?.estimator?.kind.case;
  const facts = {
    run: found.run,
    estimator,
    seed: found.spec && String(found.spec.seed),
    trainRows: found.result && String(found.result.trainRows),
    testRows: found.result && String(found.result.testRows),
    parityMaxAbs: found.result?.parity && String(found.result.parity.maxAbs),
  };
  return node('TrainingJob', facts, [found.spec?.trainingSet]);
}

async function trainingSet({ featureStore }: Clients, name: string): Promise<Found> {
  const { trainingSet: found } = await featureStore.getTrainingSet({ name });
  if (!found) throw notFound('TrainingSet', name);
  const { spec, table } = found;
  const facts = {
    label: spec?.label,
    filter: spec?.filter,
    rows: table && String(table.rows),
    digest: table?.manifest?.digest,
  };
  return node('TrainingSet', facts, [spec?.featureService, found.labelVersion, ...Object.values(found.viewVersions)]);
}

async function featureService({ featureStore }: Clients, name: string): Promise<Found> {
  const { featureService: found } = await featureStore.getFeatureService({ name });
  if (!found) throw notFound('FeatureService', name);
  const views = found.views.map((view) => view.featureView);
  return node('FeatureService', { columns: String(found.columns.length), etag: found.etag }, views);
}

async function featureView({ featureStore }: Clients, name: string): Promise<Found> {
  const { featureView: found } = await featureStore.getFeatureView({ name });
  if (!found) throw notFound('FeatureView', name);
  const features = found.features.map((feature) => feature.name).join(', ');
  return node('FeatureView', { entity: found.entity, dataset: found.dataset, features, etag: found.etag }, []);
}

async function datasetVersion({ ingestion }: Clients, name: string): Promise<Found> {
  const { datasetVersion: found } = await ingestion.getDatasetVersion({ name });
  if (!found) throw notFound('DatasetVersion', name);
  const facts = {
    state: DatasetVersionState[found.state],
    rows: found.table && String(found.table.rows),
    digest: found.table?.manifest?.digest,
    loadedRows: String(found.loadedRows),
    quarantinedRows: String(found.quarantinedRows),
    cursor: found.cursor,
  };
  return node('DatasetVersion', facts, [found.ingestionRun, found.validationRun, found.parent]);
}

async function ingestionRun({ ingestion }: Clients, name: string): Promise<Found> {
  const { ingestionRun: found } = await ingestion.getIngestionRun({ name });
  if (!found) throw notFound('IngestionRun', name);
  const { spec } = found;
  const facts = {
    readRows: String(found.readRows),
    quarantinedRows: String(found.quarantinedRows),
    cursorColumn: spec?.cursor?.column,
    cursorEnd: spec?.cursor?.end,
    replay: spec?.replay ? 'true' : undefined,
  };
  return node('IngestionRun', facts, [spec?.source, spec?.replay?.datasetVersion, spec?.replay?.correctionsPath]);
}

async function validationRun({ validation }: Clients, name: string): Promise<Found> {
  const { validationRun: found } = await validation.getValidationRun({ name });
  if (!found) throw notFound('ValidationRun', name);
  const facts = {
    verdict: found.result && Verdict[found.result.verdict],
    dataContract: found.dataContract,
    evaluatedRows: found.result && String(found.result.evaluatedRows),
    quarantinedRows: found.result && String(found.result.quarantinedRows),
  };
  return node('ValidationRun', facts, []);
}

async function source({ ingestion }: Clients, name: string): Promise<Found> {
  const { source: found } = await ingestion.getSource({ name });
  if (!found) throw notFound('Source', name);
  const { location } = found;
  if (location.case === 'file') return node('Source', { type: 'file' }, location.value.paths);
  return node('Source', { type: location.case, query: location.value?.query }, []);
}

/** A node without the facts and sources that are empty. */
function node(kind: string, facts: Record<string, string | undefined>, madeOf: readonly (string | undefined)[]): Found {
  const attributes = Object.fromEntries(
    Object.entries(facts).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
  return { kind, attributes, madeOf: [...new Set(madeOf.filter((name): name is string => Boolean(name)))] };
}
