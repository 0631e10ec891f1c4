import type { Dataset } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { invalidArgument, names, notFound } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import type { IngestionDeps } from '../deps.ts';
import { etagOf } from '../domain/etag.ts';
import { changedPaths } from '../domain/fieldMask.ts';
import { workspaceOf } from '../domain/versionNames.ts';
import {
  type DatasetRow,
  deleteDataset,
  findDataset,
  insertDataset,
  listDatasets,
  lockDataset,
  updateDataset,
} from '../store/datasets.ts';
import { claimRequest } from '../store/requests.ts';
import { toDataset } from '../translate.ts';
import { alreadyExists, checkEtag, page, pageKey, pageSize } from './resources.ts';

type Methods = 'createDataset' | 'getDataset' | 'listDatasets' | 'updateDataset' | 'deleteDataset';

/** Most columns of a primary key. */
const PRIMARY_KEY_MAX = 32;

/** Datasets. */
export function datasetHandlers(deps: IngestionDeps): Pick<ServiceImpl<typeof IngestionService>, Methods> {
  const { database, platform } = deps;

  const newRow = (dataset: Dataset): DatasetRow => {
    names.dataset.parse(dataset.name, 'dataset.name');
    checkPrimaryKey(dataset.primaryKey);
    const now = platform.clock.now();
    const row = {
      name: dataset.name,
      workspace: workspaceOf(dataset.name),
      description: dataset.description,
      primaryKey: dataset.primaryKey,
      columnsMode: dataset.schemaContract?.columns ?? 0,
      typesMode: dataset.schemaContract?.types ?? 0,
      publishedVersion: null,
      latestVersion: null,
    };
    return { ...row, etag: etagOf(row), createTime: now, updateTime: now };
  };
  const required = async (row: Promise<DatasetRow | undefined>, name: string) => {
    const found = await row;
    if (!found) throw notFound('Dataset', name);
    return found;
  };
  const insert = async (tx: Tx, row: DatasetRow) => {
    if (!(await insertDataset(tx, row))) throw alreadyExists('Dataset', row.name);
    return row;
  };

  return {
    async createDataset({ dataset, requestId }) {
      const row = newRow(dataset!);
      const stored = await database.withTransaction(async (tx) => {
        const request = { parent: row.workspace, method: 'CreateDataset', id: requestId, resource: row.name };
        const { resource, isRepeated } = await claimRequest(tx, request);
        return isRepeated ? required(findDataset(tx, resource), resource) : insert(tx, row);
      });
      return { dataset: toDataset(stored) };
    },
    async getDataset({ name }) {
      names.dataset.parse(name);
      return { dataset: toDataset(await required(findDataset(database, name), name)) };
    },
    async listDatasets({ parent, pageSize: asked, pageToken }) {
      names.workspace.parse(parent, 'parent');
      const size = pageSize(asked);
      const rows = await listDatasets(database, parent, pageKey(pageToken, ''), size + 1);
      const found = page(rows, size, (row) => row.name);
      return { datasets: found.rows.map(toDataset), nextPageToken: found.token };
    },
    async updateDataset({ dataset: given, updateMask, allowMissing }) {
      const dataset = given!;
      const row = newRow(dataset);
      const paths = changedPaths(updateMask?.paths, {
        description: ['description'],
        primaryKey: ['primary_key'],
        schemaContract: ['schema_contract'],
      });
      const stored = await database.withTransaction(async (tx) => {
        const current = await lockDataset(tx, dataset.name);
        if (!current) {
          if (!allowMissing) throw notFound('Dataset', dataset.name);
          return insert(tx, row);
        }
        checkEtag(dataset.name, dataset.etag, current.etag);
        const changed = {
          ...current,
          ...(paths.has('description') && { description: row.description }),
          ...(paths.has('primaryKey') && { primaryKey: row.primaryKey }),
          ...(paths.has('schemaContract') && { columnsMode: row.columnsMode, typesMode: row.typesMode }),
        };
        const etag = etagOf(changed);
        if (etag === current.etag) return current;
        const next = { ...changed, etag, updateTime: row.updateTime };
        await updateDataset(tx, next);
        return next;
      });
      return { dataset: toDataset(stored) };
    },
    async deleteDataset({ name, etag }) {
      names.dataset.parse(name);
      await database.withTransaction(async (tx) => {
        const row = await required(lockDataset(tx, name), name);
        checkEtag(name, etag, row.etag);
        await deleteDataset(tx, name);
      });
      return {};
    },
  };
}

function checkPrimaryKey(columns: readonly string[]): void {
  const lower = columns.map((column) => column.toLowerCase());
  const isFine =
    columns.length <= PRIMARY_KEY_MAX &&
    new Set(lower).size === columns.length &&
    columns.every((column) => column.length >= 1 && column.length <= 256);
  if (isFine) return;
  throw invalidArgument('PRIMARY_KEY_INVALID', [
    {
      field: 'dataset.primary_key',
      reason: 'PRIMARY_KEY_INVALID',
      description: `A primary key has up to ${PRIMARY_KEY_MAX} different columns of 1 to 256 characters.`,
    },
  ]);
}
