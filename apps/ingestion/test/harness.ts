import type { BlobStore } from '@millrace/blobs';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { Client } from '@millrace/rpc';
import type { TestPlatform } from '@millrace/testing';
import { createTestPlatform } from '@millrace/testing';
import { createIngestionModule, ingestionConfigSchema } from '../src/module.ts';

/** The workspace of all tests. */
export const WORKSPACE = 'workspaces/default';

/** A client of the ingestion service. */
export type Ingestion = Client<typeof IngestionService>;

/** The service on a platform of its own; `afterPut` is called when a blob was written and before the service hears of it. */
export async function startIngestion(
  afterPut: () => Promise<void> = () => Promise.resolve(),
): Promise<{ test: TestPlatform; ingestion: Ingestion }> {
  const config = ingestionConfigSchema.parse({ leaseMs: 1000 });
  const observed = (blobs: BlobStore): BlobStore =>
    new Proxy(blobs, {
      get(target, property) {
        if (property === 'put') {
          return async (content: Uint8Array) => {
            const info = await target.put(content);
            await afterPut();
            return info;
          };
        }
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const test = await createTestPlatform({
    modules: (platform) => [
      createIngestionModule({ config, platform: { ...platform, blobs: observed(platform.blobs) } }),
    ],
  });
  return { test, ingestion: test.client(IngestionService) };
}

/** Names of this workspace. */
export const nameOf = {
  source: (id: string) => `${WORKSPACE}/sources/${id}`,
  dataset: (id: string) => `${WORKSPACE}/datasets/${id}`,
};

/** Makes a dataset and a file source of the same id. */
export async function createFiles(
  ingestion: Ingestion,
  id: string,
  paths: string[],
  dataset: { primaryKey?: string[]; schemaContract?: { columns?: number; types?: number } } = {},
): Promise<void> {
  await ingestion.updateSource({
    source: { name: nameOf.source(id), location: { case: 'file', value: { paths } } },
    allowMissing: true,
  });
  await ingestion.updateDataset({ dataset: { name: nameOf.dataset(id), ...dataset }, allowMissing: true });
}

type Spec = NonNullable<Parameters<Ingestion['createIngestionRun']>[0]['spec']>;

/** Loads and waits for the end; gives the run as it ended. */
export async function load(ingestion: Ingestion, id: string, spec: Partial<Spec> = {}) {
  const { ingestionRun } = await ingestion.createIngestionRun({
    parent: WORKSPACE,
    spec: { source: nameOf.source(id), dataset: nameOf.dataset(id), ...spec },
  });
  return untilEnded(ingestion, ingestionRun!.name);
}

/** Watches a load to its end. */
export async function untilEnded(ingestion: Ingestion, name: string) {
  for await (const { ingestionRun } of ingestion.watchIngestionRun({ name })) {
    const state = ingestionRun!.execution!.state;
    if (state >= JobState.SUCCEEDED) return ingestionRun!;
  }
  throw new Error(`the stream of ${name} ended before the load`);
}

/** Publishes what a load has made. */
export function publish(ingestion: Ingestion, name: string) {
  return ingestion.settleDatasetVersion({ name, verdict: DatasetVersionState.PUBLISHED });
}

/** The rows of a query. */
export async function query(ingestion: Ingestion, sql: string, datasets: Record<string, string> = {}) {
  const rows: unknown[][] = [];
  for await (const { rowsJson } of ingestion.queryDatasets({ parent: WORKSPACE, sql, datasets }))
    rows.push(...rowsJson.map((row) => JSON.parse(row) as unknown[]));
  return rows;
}
