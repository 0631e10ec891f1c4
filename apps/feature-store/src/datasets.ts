import type { DatasetVersion } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { DatasetVersionState } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { ColumnSchema } from '@millrace/features';
import { AppError, type Digest, isAppError, isDigest, names } from '@millrace/kernel';
import type { Client } from '@millrace/rpc';
import { featureTypeOf } from './types.ts';

/** A version of a dataset, pinned. */
export interface PinnedVersion {
  readonly name: string;
  readonly manifest: Digest;
}

/** The columns of a dataset, as far as they are known: it may not exist, or have no version yet. */
export type DatasetColumns =
  | { readonly state: 'known'; readonly schema: readonly ColumnSchema[] }
  | { readonly state: 'empty' }
  | { readonly state: 'missing' };

/** What the feature store asks ingestion. */
export interface Datasets {
  /** The columns of the newest published version, or else of the newest in any state. */
  columns(dataset: string): Promise<DatasetColumns>;
  /**
   * The version of this name, or the newest published one of the dataset of this name, with its columns. FAILED_PRECONDITION
   * `DATASET_VERSION_NOT_PUBLISHED` when there is none that readers see; NOT_FOUND as ingestion says it.
   */
  pin(name: string): Promise<{ version: PinnedVersion; schema: readonly ColumnSchema[] }>;
}

/** Asks ingestion over gRPC. */
export function createDatasets(ingestion: Client<typeof IngestionService>): Datasets {
  return {
    async columns(dataset) {
      const found = await ingestion.getDataset({ name: dataset }).catch(undefinedWhenNotFound);
      if (!found?.dataset) return { state: 'missing' };
      const name = found.dataset.publishedVersion || found.dataset.latestVersion;
      if (name === '') return { state: 'empty' };
      const { datasetVersion } = await ingestion.getDatasetVersion({ name });
      return { state: 'known', schema: columnsOfVersion(datasetVersion!) };
    },
    async pin(name) {
      const isVersion = names.datasetVersion.matches(name);
      const found = await ingestion.getDatasetVersion({ name }).catch((error: unknown) => {
        if (isVersion) throw error;
        return undefinedWhenNotFound(error);
      });
      const version = found?.datasetVersion;
      if (version?.state !== DatasetVersionState.PUBLISHED) throw notPublished(name);
      const manifest = version.table?.manifest?.digest ?? '';
      if (!isDigest(manifest)) throw notPublished(name);
      return { version: { name: version.name, manifest }, schema: columnsOfVersion(version) };
    },
  };
}

/** The columns that expressions can use. */
function columnsOfVersion(version: DatasetVersion): ColumnSchema[] {
  return (version.table?.schema?.fields ?? []).flatMap(({ name, type }) => {
    const featureType = featureTypeOf(type);
    return featureType ? [{ name, type: featureType }] : [];
  });
}

function undefinedWhenNotFound(error: unknown): undefined {
  if (isAppError(error) && error.code === 'NOT_FOUND') return undefined;
  throw error;
}

function notPublished(name: string): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `"${name}" has no published version. Load and validate data first, or name a published version.`,
    { reason: 'DATASET_VERSION_NOT_PUBLISHED', fields: { name } },
  );
}
