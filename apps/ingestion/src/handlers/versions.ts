import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { type Digest, invalidArgument, names, notFound } from '@millrace/kernel';
import type { Queryable } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import { loadManifest } from '@millrace/tables';
import type { IngestionDeps } from '../deps.ts';
import { parseVersionName, versionName } from '../domain/versionNames.ts';
import { diffVersions } from '../load/diff.ts';
import { settle } from '../load/settle.ts';
import { findDataset } from '../store/datasets.ts';
import { findPublishedAt, findVersion, listVersions, type VersionRow } from '../store/versions.ts';
import { tableRefFromJson, toDatasetVersion } from '../translate.ts';
import { page, pageKey, pageSize } from './resources.ts';

type Methods = 'getDatasetVersion' | 'listDatasetVersions' | 'diffDatasetVersions' | 'settleDatasetVersion';

/** Versions. */
export function versionHandlers(deps: IngestionDeps): Pick<ServiceImpl<typeof IngestionService>, Methods> {
  const { database } = deps;
  return {
    async getDatasetVersion({ name, asOf }) {
      const row = await resolveVersion(database, name, asOf && timestampDate(asOf));
      return { datasetVersion: toDatasetVersion(row) };
    },
    async listDatasetVersions({ parent, pageSize: asked, pageToken }) {
      names.dataset.parse(parent, 'parent');
      if (!(await findDataset(database, parent))) throw notFound('Dataset', parent);
      const size = pageSize(asked);
      const rows = await listVersions(database, parent, pageKey(pageToken, 2 ** 31 - 1), size + 1);
      const found = page(rows, size, (row) => row.version);
      return { datasetVersions: found.rows.map(toDatasetVersion), nextPageToken: found.token };
    },
    async diffDatasetVersions({ base, target }, { signal }) {
      const [a, b] = [parseVersionName(base, 'base'), parseVersionName(target, 'target')];
      if (a.dataset !== b.dataset) {
        throw invalidArgument('DATASETS_DIFFER', [
          {
            field: 'target',
            reason: 'DATASETS_DIFFER',
            description: `${target} is not a version of ${a.dataset}. Compare two versions of one dataset.`,
          },
        ]);
      }
      const [from, to] = [await resolveVersion(database, base), await resolveVersion(database, target)];
      const dataset = await findDataset(database, a.dataset);
      return diffVersions(deps, await manifestOf(deps, from), await manifestOf(deps, to), dataset!.primaryKey, signal);
    },
    async settleDatasetVersion(request) {
      return { datasetVersion: toDatasetVersion(await settle(deps, request)) };
    },
  };
}

/**
 * The version of this name; for a dataset's name the published one, at a time where it is given. Throws NOT_FOUND
 * `DATASET_NOT_FOUND` or `DATASET_VERSION_NOT_FOUND`.
 */
export async function resolveVersion(q: Queryable, name: string, asOf?: Date, field = 'name'): Promise<VersionRow> {
  if (names.datasetVersion.matches(name)) {
    const { dataset, version } = parseVersionName(name, field);
    const row = await findVersion(q, dataset, version);
    if (row) return row;
    throw notFound('DatasetVersion', name);
  }
  names.dataset.parse(name, field);
  const dataset = await findDataset(q, name);
  if (!dataset) throw notFound('Dataset', name);
  if (asOf) {
    const row = await findPublishedAt(q, name, asOf);
    if (row) return row;
    throw notFound('DatasetVersion', `${name} as of ${asOf.toISOString()}`);
  }
  const row = dataset.publishedVersion === null ? undefined : await findVersion(q, name, dataset.publishedVersion);
  if (row) return row;
  throw notFound(
    'DatasetVersion',
    dataset.publishedVersion === null ? name : versionName(name, dataset.publishedVersion),
  );
}

/** The manifest of what readers of a version see. */
export function manifestOf({ platform }: Pick<IngestionDeps, 'platform'>, row: VersionRow) {
  return loadManifest(platform.blobs, tableRefFromJson(row.tableRef).manifest!.digest as Digest);
}
