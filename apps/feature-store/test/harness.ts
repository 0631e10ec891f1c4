import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { EntitySchema, FeatureServiceSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { AggregateFunction } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { DatasetVersionSchema, DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { notFound } from '@millrace/kernel';
import type { Platform } from '@millrace/process';
import type { Client } from '@millrace/rpc';
import { implement } from '@millrace/rpc';
import { createManifest, saveManifest } from '@millrace/tables';
import { createTestPlatform, type TestPlatform } from '@millrace/testing';
import { createFeatureStoreModule, type FeatureStoreConfig, featureStoreConfigSchema } from '../src/module.ts';
import { toFields } from '../src/types.ts';

/** The workspace of all tests. */
export const W = 'workspaces/default';
/** A dataset's name. */
export const dataset = (id: string): string => `${W}/datasets/${id}`;

type Version = MessageInitShape<typeof DatasetVersionSchema>;

/** Ingestion as far as the feature store asks it. */
export class FakeIngestion {
  readonly versions = new Map<string, Version[]>();

  /** The gRPC service. */
  registration() {
    return implement(IngestionService, {
      getDataset: ({ name }) => {
        const versions = this.versions.get(name);
        if (!versions) throw notFound('Dataset', name);
        const last = versions.at(-1)?.name ?? '';
        const published = versions.findLast((v) => v.state === DatasetVersionState.PUBLISHED)?.name ?? '';
        return { dataset: { name, publishedVersion: published, latestVersion: last } };
      },
      getDatasetVersion: ({ name }) => {
        const all = [...this.versions.values()].flat();
        const found =
          all.find((v) => v.name === name) ??
          this.versions.get(name)?.findLast((v) => v.state === DatasetVersionState.PUBLISHED);
        if (!found) throw notFound('DatasetVersion', name);
        return { datasetVersion: create(DatasetVersionSchema, found) };
      },
    });
  }

  /** Writes the rows of a query as the next version of a dataset; gives its name. */
  async load(platform: Platform, id: string, sql: string, state = DatasetVersionState.PUBLISHED): Promise<string> {
    const { schema, files } = await platform.tables.writeParquet({ sql });
    const manifest = createManifest(dataset(id), { schema, files });
    const digest = await saveManifest(platform.blobs, manifest);
    const versions = this.versions.get(dataset(id)) ?? [];
    const name = `${dataset(id)}/versions/${versions.length + 1}`;
    versions.push({
      name,
      state,
      table: { manifest: { digest }, rows: BigInt(manifest.rows), schema: { fields: toFields(schema) } },
    });
    this.versions.set(dataset(id), versions);
    return name;
  }
}

/** The feature store on a platform of its own. */
export interface Rig {
  readonly test: TestPlatform;
  readonly ingestion: FakeIngestion;
  readonly store: Client<typeof FeatureStoreService>;
}

/** Starts the feature store beside a played ingestion. */
export async function startRig(config: Partial<FeatureStoreConfig> = {}): Promise<Rig> {
  const ingestion = new FakeIngestion();
  const test = await createTestPlatform({
    modules: (platform) => [createFeatureStoreModule({ config: featureStoreConfigSchema.parse(config), platform })],
    fakes: [ingestion.registration()],
  });
  return { test, ingestion, store: test.client(FeatureStoreService) };
}

const days = (n: number) => ({ seconds: BigInt(n * 86_400) });
const late = 'case when delay >= 15 then 1.0 else 0.0 end';
const airport = [
  { name: 'late_rate_1d', expression: late, aggregate: AggregateFunction.MEAN, window: days(1) },
  { name: 'late_rate_7d', expression: late, aggregate: AggregateFunction.MEAN, window: days(7) },
  { name: 'mean_delay_1d', expression: 'delay', aggregate: AggregateFunction.MEAN, window: days(1) },
  { name: 'mean_delay_7d', expression: 'delay', aggregate: AggregateFunction.MEAN, window: days(7) },
];
interface FeatureInit {
  readonly name: string;
  readonly expression: string;
  readonly aggregate: AggregateFunction;
  readonly window: { readonly seconds: bigint };
}
const view = (id: string, features: FeatureInit[]) => ({
  name: `${W}/featureViews/${id}`,
  entity: `${W}/entities/${id}`,
  dataset: dataset('flights'),
  eventTime: 'date',
  availableTime: 'date + to_minutes(greatest(delay, 0))',
  refresh: days(1),
  features,
});

/** The entities, views and service of `examples/flight-delays`. */
export const flights = {
  entities: [
    { name: `${W}/entities/origin`, joinKeys: [{ name: 'origin', type: DataType.STRING }] },
    { name: `${W}/entities/destination`, joinKeys: [{ name: 'destination', type: DataType.STRING }] },
    {
      name: `${W}/entities/route`,
      joinKeys: [
        { name: 'origin', type: DataType.STRING },
        { name: 'destination', type: DataType.STRING },
      ],
    },
  ] satisfies MessageInitShape<typeof EntitySchema>[],
  featureViews: [
    view('origin', airport),
    view('destination', airport),
    view('route', [
      { name: 'late_rate_28d', expression: late, aggregate: AggregateFunction.MEAN, window: days(28) },
      { name: 'mean_delay_28d', expression: 'delay', aggregate: AggregateFunction.MEAN, window: days(28) },
      { name: 'flights_28d', expression: 'delay', aggregate: AggregateFunction.COUNT, window: days(28) },
    ]),
  ],
  featureServices: [
    {
      name: `${W}/featureServices/flight-delays`,
      eventTimeColumn: 'date',
      requestColumns: [
        { name: 'date', type: DataType.TIMESTAMP },
        { name: 'distance', type: DataType.INT64, passThrough: true },
        { name: 'origin', type: DataType.STRING, passThrough: true },
        { name: 'destination', type: DataType.STRING, passThrough: true },
      ],
      views: ['origin', 'destination', 'route'].map((id) => ({ featureView: `${W}/featureViews/${id}` })),
      requestFeatures: [
        { name: 'minute_of_day', expression: "date_part('hour', date) * 60 + date_part('minute', date)" },
        { name: 'day_of_week', expression: "date_part('isodow', date)" },
      ],
    },
  ] satisfies MessageInitShape<typeof FeatureServiceSchema>[],
};

/** SQL of the rows of the flights file. */
export const flightsSql = (condition = 'true'): string =>
  `SELECT * FROM read_parquet('${import.meta.dirname}/../../../node_modules/vega-datasets/data/flights-3m.parquet') WHERE ${condition}`;
