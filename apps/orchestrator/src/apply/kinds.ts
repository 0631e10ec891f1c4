import type { DescMessage, JsonObject, Message } from '@bufbuild/protobuf';
import { toJson } from '@bufbuild/protobuf';
import {
  EntitySchema,
  FeatureServiceSchema,
  FeatureViewSchema,
} from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { DatasetSchema } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { SourceSchema } from '@millrace/contracts/millrace/ingestion/v1/source';
import { MonitorSchema } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import type { Resources } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { EndpointSchema } from '@millrace/contracts/millrace/serving/v1/endpoint';
import { DataContractSchema } from '@millrace/contracts/millrace/validation/v1/data_contract';
import type { Clients } from '../clients.ts';

/** A resource that a pipeline brings along. */
export interface BroughtResource {
  readonly name: string;
  /** Field of `Resources` that it stands in. */
  readonly list: ListName;
  /** For example `resources.sources[0]`. */
  readonly path: string;
  readonly message: Message;
  /** Its JSON form without what the services add. */
  readonly json: JsonObject;
}

/** Lists of `Resources`, in the order in which they depend on each other. */
export const LISTS = [
  'sources',
  'datasets',
  'dataContracts',
  'entities',
  'featureViews',
  'featureServices',
  'endpoints',
  'monitors',
] as const;

/** A list of `Resources`. */
export type ListName = (typeof LISTS)[number];

/** How one type of resource is read and written. */
interface ResourceKind {
  readonly schema: DescMessage;
  /** First segment of the field paths in the service's errors. */
  readonly field: string;
  get(clients: Clients, name: string): Promise<Message | undefined>;
  /** Left out for what `ApplyFeatureViews` takes in one call. */
  update?(clients: Clients, message: never): Promise<unknown>;
}

/** Every type of resource that a pipeline may bring along. */
export const KINDS: Readonly<Record<ListName, ResourceKind>> = {
  sources: {
    schema: SourceSchema,
    field: 'source',
    get: async ({ ingestion }, name) => (await ingestion.getSource({ name })).source,
    update: ({ ingestion }, source) => ingestion.updateSource({ source, allowMissing: true }),
  },
  datasets: {
    schema: DatasetSchema,
    field: 'dataset',
    get: async ({ ingestion }, name) => (await ingestion.getDataset({ name })).dataset,
    update: ({ ingestion }, dataset) => ingestion.updateDataset({ dataset, allowMissing: true }),
  },
  dataContracts: {
    schema: DataContractSchema,
    field: 'data_contract',
    get: async ({ validation }, name) => (await validation.getDataContract({ name })).dataContract,
    update: ({ validation }, dataContract) => validation.updateDataContract({ dataContract, allowMissing: true }),
  },
  entities: {
    schema: EntitySchema,
    field: 'entities',
    get: async ({ featureStore }, name) => (await featureStore.getEntity({ name })).entity,
  },
  featureViews: {
    schema: FeatureViewSchema,
    field: 'feature_views',
    get: async ({ featureStore }, name) => (await featureStore.getFeatureView({ name })).featureView,
  },
  featureServices: {
    schema: FeatureServiceSchema,
    field: 'feature_services',
    get: async ({ featureStore }, name) => (await featureStore.getFeatureService({ name })).featureService,
  },
  endpoints: {
    schema: EndpointSchema,
    field: 'endpoint',
    get: async ({ serving }, name) => (await serving.getEndpoint({ name })).endpoint,
    update: ({ serving }, endpoint) => serving.updateEndpoint({ endpoint, allowMissing: true }),
  },
  monitors: {
    schema: MonitorSchema,
    field: 'monitor',
    get: async ({ monitoring }, name) => (await monitoring.getMonitor({ name })).monitor,
    update: ({ monitoring }, monitor) => monitoring.updateMonitor({ monitor, allowMissing: true }),
  },
};

/** Fields that services add to a resource. */
const OUTPUT_ONLY = [
  'createTime',
  'updateTime',
  'etag',
  'materializedTime',
  'publishedVersion',
  'latestVersion',
  'deployment',
];

/** The resources of a pipeline in the order in which they depend on each other. */
export function broughtResources(resources: Resources | undefined): BroughtResource[] {
  if (!resources) return [];
  return LISTS.flatMap((list) =>
    resources[list].map((message, i): BroughtResource => {
      const { schema } = KINDS[list];
      const json = withoutOutputs(toJson(schema, message) as JsonObject);
      return { name: message.name, list, path: `resources.${list}[${i}]`, message, json };
    }),
  );
}

/** The JSON form of a resource without what services add. */
export function withoutOutputs(json: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([key]) => !OUTPUT_ONLY.includes(key)));
}
