import { create } from '@bufbuild/protobuf';
import type { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { Source } from '@millrace/contracts/millrace/ingestion/v1/source';
import { SourceSchema } from '@millrace/contracts/millrace/ingestion/v1/source';
import { invalidArgument, names, notFound } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import type { IngestionDeps } from '../deps.ts';
import { etagOf } from '../domain/etag.ts';
import { changedPaths } from '../domain/fieldMask.ts';
import { workspaceOf } from '../domain/versionNames.ts';
import { previewSource } from '../load/preview.ts';
import { claimRequest } from '../store/requests.ts';
import {
  deleteSource,
  findSource,
  insertSource,
  listSources,
  lockSource,
  type SourceRow,
  updateSource,
} from '../store/sources.ts';
import { sourceBody, toSource } from '../translate.ts';
import { alreadyExists, checkEtag, page, pageKey, pageSize } from './resources.ts';

type Methods = 'createSource' | 'getSource' | 'listSources' | 'updateSource' | 'deleteSource' | 'previewSource';

/** Sources. */
export function sourceHandlers(deps: IngestionDeps): Pick<ServiceImpl<typeof IngestionService>, Methods> {
  const { database, platform } = deps;

  const newRow = (source: Source): SourceRow => {
    names.source.parse(source.name, 'source.name');
    const now = platform.clock.now();
    const row = { name: source.name, workspace: workspaceOf(source.name), body: sourceBody(source) };
    return { ...row, etag: etagOf(row), createTime: now, updateTime: now };
  };
  const required = async (row: Promise<SourceRow | undefined>, name: string) => {
    const found = await row;
    if (!found) throw notFound('Source', name);
    return found;
  };
  const insert = async (tx: Tx, row: SourceRow) => {
    if (!(await insertSource(tx, row))) throw alreadyExists('Source', row.name);
    return row;
  };

  return {
    async createSource({ source, requestId }) {
      const row = newRow(source!);
      const stored = await database.withTransaction(async (tx) => {
        const request = { parent: row.workspace, method: 'CreateSource', id: requestId, resource: row.name };
        const { resource, isRepeated } = await claimRequest(tx, request);
        return isRepeated ? required(findSource(tx, resource), resource) : insert(tx, row);
      });
      return { source: toSource(stored) };
    },
    async getSource({ name }) {
      names.source.parse(name);
      return { source: toSource(await required(findSource(database, name), name)) };
    },
    async listSources({ parent, pageSize: asked, pageToken }) {
      names.workspace.parse(parent, 'parent');
      const size = pageSize(asked);
      const found = page(
        await listSources(database, parent, pageKey(pageToken, ''), size + 1),
        size,
        (row) => row.name,
      );
      return { sources: found.rows.map(toSource), nextPageToken: found.token };
    },
    async updateSource({ source: given, updateMask, allowMissing }) {
      const source = given!;
      const row = newRow(source);
      const paths = changedPaths(updateMask?.paths, { description: ['description'], location: ['file', 'postgres'] });
      const stored = await database.withTransaction(async (tx) => {
        const current = await lockSource(tx, source.name);
        if (!current) {
          if (!allowMissing) throw notFound('Source', source.name);
          return insert(tx, row);
        }
        checkEtag(source.name, source.etag, current.etag);
        const merged = create(SourceSchema, toSource(current));
        if (paths.has('description')) merged.description = source.description;
        if (paths.has('location')) merged.location = source.location;
        const body = sourceBody(merged);
        const etag = etagOf({ name: current.name, workspace: current.workspace, body });
        if (etag === current.etag) return current;
        const changed = { ...current, body, etag, updateTime: row.updateTime };
        await updateSource(tx, changed);
        return changed;
      });
      return { source: toSource(stored) };
    },
    async deleteSource({ name, etag }) {
      names.source.parse(name);
      await database.withTransaction(async (tx) => {
        const row = await required(lockSource(tx, name), name);
        checkEtag(name, etag, row.etag);
        await deleteSource(tx, name);
      });
      return {};
    },
    async previewSource({ source, rowsMax }, { signal }) {
      if (source?.location.case === undefined)
        throw invalidArgument('SOURCE_LOCATION_MISSING', [
          { field: 'source.location', reason: 'SOURCE_LOCATION_MISSING', description: 'Set `file` or `postgres`.' },
        ]);
      return previewSource(deps, source, rowsMax || 20, signal);
    },
  };
}
