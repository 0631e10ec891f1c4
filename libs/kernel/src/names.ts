import { invalidArgument } from './errors.ts';

/** A resource id: lower-case letters, digits, `-` and `_`, starting with a letter or digit, at most 63 characters. */
const RESOURCE_ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** True when `id` may stand as one segment of a resource name. */
export function isResourceId(id: string): boolean {
  return RESOURCE_ID.test(id);
}

/** Gives `id` back, or throws INVALID_ARGUMENT `RESOURCE_ID_INVALID` naming the field. */
export function checkResourceId(field: string, id: string): string {
  if (isResourceId(id)) return id;
  throw invalidArgument('RESOURCE_ID_INVALID', [
    {
      field,
      reason: 'RESOURCE_ID_INVALID',
      description: `${JSON.stringify(id.slice(0, 80))} is not a valid id. Use 1 to 63 lower-case letters, digits, "-" or "_", starting with a letter or digit.`,
    },
  ]);
}

/** The ids in a resource name, by the pattern's variables. */
type Variables<Pattern extends string> = Pattern extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Variables<Rest>
  : never;

/** Formats and parses the names of one resource type (https://google.aip.dev/122). */
export interface ResourceNamePattern<Pattern extends string> {
  /** For example `workspaces/{workspace}/datasets/{dataset}`. */
  readonly pattern: Pattern;
  /** Builds the name; throws `RESOURCE_ID_INVALID` when an id is not valid. */
  format(ids: Readonly<Record<Variables<Pattern>, string>>): string;
  /** Takes the name apart; throws INVALID_ARGUMENT `RESOURCE_NAME_INVALID` naming `field`. */
  parse(name: string, field?: string): Record<Variables<Pattern>, string>;
  /** Whether `name` is of this type. */
  matches(name: string): boolean;
}

/** Makes the parser and formatter of names like `workspaces/{workspace}/datasets/{dataset}`. */
export function resourceName<const Pattern extends string>(pattern: Pattern): ResourceNamePattern<Pattern> {
  const segments = pattern.split('/');
  const isVariable = (segment: string) => segment.startsWith('{');

  const tryParse = (name: string): Record<string, string> | undefined => {
    if (name.length > 64 * segments.length) return undefined;
    const parts = name.split('/');
    if (parts.length !== segments.length) return undefined;
    const ids: Record<string, string> = {};
    for (const [i, segment] of segments.entries()) {
      const part = parts[i] as string;
      if (isVariable(segment)) {
        if (!isResourceId(part)) return undefined;
        ids[segment.slice(1, -1)] = part;
      } else if (part !== segment) return undefined;
    }
    return ids;
  };

  return {
    pattern,
    format(ids) {
      const byName = ids as Readonly<Record<string, string>>;
      return segments
        .map((segment) => {
          if (!isVariable(segment)) return segment;
          const variable = segment.slice(1, -1);
          return checkResourceId(variable, byName[variable] ?? '');
        })
        .join('/');
    },
    parse(name, field = 'name') {
      const ids = tryParse(name);
      if (ids) return ids as Record<Variables<Pattern>, string>;
      throw invalidArgument('RESOURCE_NAME_INVALID', [
        {
          field,
          reason: 'RESOURCE_NAME_INVALID',
          description: `${JSON.stringify(name.slice(0, 120))} is not of the form ${pattern}. Ids are 1 to 63 lower-case letters, digits, "-" or "_".`,
        },
      ]);
    },
    matches: (name) => tryParse(name) !== undefined,
  };
}

/** The names of every resource type of the platform, one place for all services. */
export const names = {
  workspace: resourceName('workspaces/{workspace}'),
  source: resourceName('workspaces/{workspace}/sources/{source}'),
  dataset: resourceName('workspaces/{workspace}/datasets/{dataset}'),
  datasetVersion: resourceName('workspaces/{workspace}/datasets/{dataset}/versions/{version}'),
  ingestionRun: resourceName('workspaces/{workspace}/ingestionRuns/{ingestionRun}'),
  dataContract: resourceName('workspaces/{workspace}/dataContracts/{dataContract}'),
  validationRun: resourceName('workspaces/{workspace}/validationRuns/{validationRun}'),
  entity: resourceName('workspaces/{workspace}/entities/{entity}'),
  featureView: resourceName('workspaces/{workspace}/featureViews/{featureView}'),
  featureService: resourceName('workspaces/{workspace}/featureServices/{featureService}'),
  trainingSet: resourceName('workspaces/{workspace}/trainingSets/{trainingSet}'),
  materialization: resourceName('workspaces/{workspace}/materializations/{materialization}'),
  experiment: resourceName('workspaces/{workspace}/experiments/{experiment}'),
  run: resourceName('workspaces/{workspace}/runs/{run}'),
  trainingJob: resourceName('workspaces/{workspace}/trainingJobs/{trainingJob}'),
  registeredModel: resourceName('workspaces/{workspace}/registeredModels/{registeredModel}'),
  modelVersion: resourceName('workspaces/{workspace}/registeredModels/{registeredModel}/versions/{version}'),
  endpoint: resourceName('workspaces/{workspace}/endpoints/{endpoint}'),
  deployment: resourceName('workspaces/{workspace}/endpoints/{endpoint}/deployments/{deployment}'),
  monitor: resourceName('workspaces/{workspace}/monitors/{monitor}'),
  monitorRun: resourceName('workspaces/{workspace}/monitorRuns/{monitorRun}'),
  alert: resourceName('workspaces/{workspace}/alerts/{alert}'),
  pipeline: resourceName('workspaces/{workspace}/pipelines/{pipeline}'),
  pipelineRun: resourceName('workspaces/{workspace}/pipelineRuns/{pipelineRun}'),
} as const;
