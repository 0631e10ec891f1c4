import type { Pipeline } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { StepSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { FieldViolation } from '@millrace/kernel';
import { isAppError } from '@millrace/kernel';
import { hasReference } from '@millrace/pipelines';
import type { Clients } from '../clients.ts';
import { lastId } from '../domain/model.ts';
import { visitTexts } from '../domain/texts.ts';
import { Violations } from '../domain/violations.ts';
import type { BroughtResource, ListName } from './kinds.ts';
import { KINDS } from './kinds.ts';

/** Fields of steps that name a resource which must be there before a run, and the list that holds its type. */
const NAMED: Readonly<Record<string, ListName>> = {
  source: 'sources',
  dataset: 'datasets',
  data_contract: 'dataContracts',
  feature_service: 'featureServices',
  feature_views: 'featureViews',
  endpoint: 'endpoints',
  monitor: 'monitors',
};

/** Finds names in steps that neither the pipeline brings along nor a service knows. */
export async function checkNames(
  clients: Clients,
  pipeline: Pipeline,
  brought: readonly BroughtResource[],
): Promise<readonly FieldViolation[]> {
  const asked = new Map<string, { list: ListName; paths: string[] }>();
  for (const [i, step] of pipeline.steps.entries()) {
    visitTexts(StepSchema, step, `steps[${i}]`, ({ field, path, text }) => {
      const list = field.parent.typeName.startsWith('millrace.orchestrator.') ? NAMED[field.name] : undefined;
      if (list === undefined || text === '' || hasReference(text)) return;
      if (brought.some((resource) => resource.list === list && resource.name === text)) return;
      const known = asked.get(`${list} ${text}`) ?? { list, paths: [] };
      known.paths.push(path);
      asked.set(`${list} ${text}`, known);
    });
  }
  const violations = new Violations();
  for (const [key, { list, paths }] of asked) {
    const name = key.slice(list.length + 1);
    if (await exists(clients, list, name)) continue;
    const ids = brought.filter((resource) => resource.list === list).map((resource) => lastId(resource.name));
    for (const path of paths) violations.unknown(path, 'Resource', lastId(name), ids);
  }
  return violations.all;
}

async function exists(clients: Clients, list: ListName, name: string): Promise<boolean> {
  try {
    await KINDS[list].get(clients, name);
    return true;
  } catch (error) {
    if (isAppError(error) && (error.code === 'NOT_FOUND' || error.code === 'INVALID_ARGUMENT')) return false;
    throw error;
  }
}
