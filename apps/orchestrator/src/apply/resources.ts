import type { JsonObject } from '@bufbuild/protobuf';
import { toJson } from '@bufbuild/protobuf';
import type { Entity, FeatureService, FeatureView } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type { FieldViolation } from '@millrace/kernel';
import { AppError, invalidArgument, isAppError } from '@millrace/kernel';
import type { Clients } from '../clients.ts';
import { differences } from './differences.ts';
import type { BroughtResource, ListName } from './kinds.ts';
import { KINDS, withoutOutputs } from './kinds.ts';

/** What applying does to one resource. */
export interface Planned {
  readonly name: string;
  readonly kind: 'CREATE' | 'UPDATE' | 'NONE';
  readonly details: readonly string[];
}

/** Resources that are asked for at a time. */
const READS_MAX = 8;

/** Compares each resource with what its service has; `before` are those of the pipeline as it was applied last. */
export async function planResources(
  clients: Clients,
  resources: readonly BroughtResource[],
  before: readonly BroughtResource[],
): Promise<Map<string, Planned>> {
  const earlier = new Map(before.map((resource) => [resource.name, resource.json]));
  const plan = new Map<string, Planned>();
  for (let i = 0; i < resources.length; i += READS_MAX) {
    const batch = resources.slice(i, i + READS_MAX);
    const planned = await Promise.all(batch.map((resource) => planOne(clients, resource, earlier.get(resource.name))));
    for (const one of planned) plan.set(one.name, one);
  }
  return plan;
}

/**
 * Has the feature store check what it would be given. Datasets that this pipeline creates are not there yet, so what the
 * store says about them does not count. Gives the store's own plan where it could make one.
 */
export async function checkFeatures(
  clients: Clients,
  workspace: string,
  resources: readonly BroughtResource[],
  plan: Map<string, Planned>,
): Promise<void> {
  if (!resources.some(({ list }) => isFeature(list))) return;
  const isNew = (dataset: string) => plan.get(dataset)?.kind === 'CREATE';
  try {
    const answer = await clients.featureStore.applyFeatureViews({
      ...featureRequest(workspace, resources),
      validateOnly: true,
    });
    for (const { name, kind, details, recompute } of answer.plan) {
      if (kind !== 'CREATE' && kind !== 'UPDATE' && kind !== 'NONE') continue;
      plan.set(name, {
        name,
        kind,
        details: recompute ? [...details, 'Its online values are computed again.'] : details,
      });
    }
  } catch (error) {
    if (!isAppError(error) || error.violations.length === 0) throw error;
    const created = [...plan.values()].filter(({ name }) => isNew(name)).map(({ name }) => name);
    const hints = ({ reason, description }: FieldViolation) =>
      reason === 'DATASET_NOT_FOUND' && created.some((name) => description.includes(name));
    const violations = error.violations.filter((violation) => !hints(violation));
    if (violations.length > 0) throw withPaths(error, violations.map(featurePath));
  }
}

/** Creates and changes the resources whose plan says so, in the order of their dependencies. */
export async function applyResources(
  clients: Clients,
  workspace: string,
  resources: readonly BroughtResource[],
  plan: ReadonlyMap<string, Planned>,
): Promise<void> {
  const isChanged = ({ name }: BroughtResource) => plan.get(name)?.kind !== 'NONE';
  let areFeaturesDone = false;
  for (const resource of resources) {
    if (!isFeature(resource.list)) {
      if (isChanged(resource)) await updateOne(clients, resource);
      continue;
    }
    if (areFeaturesDone) continue;
    areFeaturesDone = true;
    if (!resources.some((other) => isFeature(other.list) && isChanged(other))) continue;
    try {
      await clients.featureStore.applyFeatureViews(featureRequest(workspace, resources));
    } catch (error) {
      if (!isAppError(error) || error.violations.length === 0) throw error;
      throw withPaths(error, error.violations.map(featurePath));
    }
  }
}

async function planOne(clients: Clients, resource: BroughtResource, before: JsonObject | undefined): Promise<Planned> {
  const { name, list, json } = resource;
  const kind = KINDS[list];
  try {
    const message = await kind.get(clients, name);
    const stored = message ? withoutOutputs(toJson(kind.schema, message) as JsonObject) : {};
    const details = differences(json, stored, before);
    return { name, kind: details.length > 0 ? 'UPDATE' : 'NONE', details };
  } catch (error) {
    if (isAppError(error) && error.code === 'NOT_FOUND') return { name, kind: 'CREATE', details: [] };
    if (!isAppError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
    const description = error.violations[0]?.description ?? error.message;
    throw invalidArgument('PIPELINE_INVALID', [{ field: `${resource.path}.name`, reason: error.reason, description }]);
  }
}

async function updateOne(clients: Clients, { list, message, path }: BroughtResource): Promise<void> {
  const { update, field } = KINDS[list];
  try {
    await update?.(clients, message as never);
  } catch (error) {
    if (!isAppError(error) || error.violations.length === 0) throw error;
    const moved = error.violations.map((violation) => ({
      ...violation,
      field: violation.field.startsWith(`${field}.`)
        ? `${path}${violation.field.slice(field.length)}`
        : `${path}.${violation.field}`,
    }));
    throw withPaths(error, moved);
  }
}

function isFeature(list: ListName): boolean {
  return list === 'entities' || list === 'featureViews' || list === 'featureServices';
}

function featureRequest(workspace: string, resources: readonly BroughtResource[]) {
  const of = <T>(list: ListName) => resources.filter((r) => r.list === list).map((r) => r.message as unknown as T);
  return {
    parent: workspace,
    entities: of<Entity>('entities'),
    featureViews: of<FeatureView>('featureViews'),
    featureServices: of<FeatureService>('featureServices'),
  };
}

/** `feature_views[2].features[0].expression` → `resources.featureViews[2].features[0].expression`. */
function featurePath(violation: FieldViolation): FieldViolation {
  const camel = violation.field.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return { ...violation, field: camel === '' ? 'resources' : `resources.${camel}` };
}

function withPaths(error: AppError, violations: readonly FieldViolation[]): AppError {
  const message = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  return new AppError(error.code, message, { reason: error.reason, fields: error.fields, violations, cause: error });
}
