import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { FieldSchema } from '@millrace/contracts/millrace/common/v1/table';
import type { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { FeatureService } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { AppError, names, notFound } from '@millrace/kernel';
import { decodePageToken, encodePageToken, type Tx } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import { applyFeatureViews } from './apply.ts';
import { announce } from './changes.ts';
import type { Deps } from './deps.ts';
import { planOf, requireViews } from './resolve.ts';
import { fieldsOf } from './service-plan.ts';
import {
  deleteDefinition,
  findEntities,
  findServices,
  findViews,
  listEntities,
  listServices,
  listViews,
  lockCatalog,
  searchFeatures,
} from './store/catalog.ts';
import { clearOnlineView } from './store/online.ts';

type Handlers = ServiceImpl<typeof FeatureStoreService>;

/** Rows of a page unless asked otherwise. */
const PAGE_SIZE = 100;

/** The methods about entities, views and services. */
export function catalogHandlers(
  deps: Deps,
): Pick<
  Handlers,
  | 'applyFeatureViews'
  | 'getEntity'
  | 'listEntities'
  | 'deleteEntity'
  | 'getFeatureView'
  | 'listFeatureViews'
  | 'deleteFeatureView'
  | 'getFeatureService'
  | 'listFeatureServices'
  | 'deleteFeatureService'
  | 'searchFeatures'
> {
  const { database } = deps;
  return {
    async applyFeatureViews(request) {
      const { workspace, plan } = await applyFeatureViews(deps, request);
      if (request.validateOnly)
        return { plan, featureViews: request.featureViews, featureServices: request.featureServices };
      const views = await findViews(
        database,
        workspace,
        request.featureViews.map((v) => names.featureView.parse(v.name).featureView),
      );
      const services = await findServices(
        database,
        workspace,
        request.featureServices.map((s) => names.featureService.parse(s.name).featureService),
      );
      return {
        plan,
        featureViews: views.map(({ view }) => view),
        featureServices: await Promise.all(services.map((s) => withColumns(deps, s))),
      };
    },
    async getEntity({ name }) {
      const { workspace, entity: id } = names.entity.parse(name);
      const [entity] = await findEntities(database, workspace, [id]);
      if (!entity) throw notFound('Entity', name);
      return { entity };
    },
    async listEntities(request) {
      const { workspace, page } = pageOf(request);
      const found = await listEntities(database, workspace, page);
      return {
        entities: found,
        nextPageToken: tokenAfter(found, page.limit, ({ name }) => names.entity.parse(name).entity),
      };
    },
    async deleteEntity({ name, etag }) {
      const { workspace, entity: id } = names.entity.parse(name);
      await changeCatalog(deps, workspace, async (tx) => {
        const [entity] = await findEntities(tx, workspace, [id]);
        if (!entity) throw notFound('Entity', name);
        checkEtag(name, entity.etag, etag);
        const users = (await findViews(tx, workspace)).filter(({ view }) => view.entity === name);
        if (users.length > 0)
          throw inUse(
            'ENTITY_IN_USE',
            name,
            'views',
            users.map((user) => user.id),
          );
        await deleteDefinition(tx, 'entities', workspace, id);
      });
      return {};
    },
    async getFeatureView({ name }) {
      const { workspace, featureView: id } = names.featureView.parse(name);
      const [found] = await findViews(database, workspace, [id]);
      if (!found) throw notFound('FeatureView', name);
      return { featureView: found.view };
    },
    async listFeatureViews(request) {
      const { workspace, page } = pageOf(request);
      const found = await listViews(database, workspace, page);
      return {
        featureViews: found.map(({ view }) => view),
        nextPageToken: tokenAfter(found, page.limit, ({ id }) => id),
      };
    },
    async deleteFeatureView({ name, etag }) {
      const { workspace, featureView: id } = names.featureView.parse(name);
      await changeCatalog(deps, workspace, async (tx) => {
        const [found] = await findViews(tx, workspace, [id]);
        if (!found) throw notFound('FeatureView', name);
        checkEtag(name, found.view.etag, etag);
        const users = (await findServices(tx, workspace)).filter((s) =>
          s.views.some((view) => view.featureView === name),
        );
        if (users.length > 0)
          throw inUse(
            'FEATURE_VIEW_IN_USE',
            name,
            'services',
            users.map((user) => names.featureService.parse(user.name).featureService),
          );
        await clearOnlineView(tx, found.number);
        await deleteDefinition(tx, 'feature_views', workspace, id);
      });
      return {};
    },
    async getFeatureService({ name }) {
      const { workspace, featureService: id } = names.featureService.parse(name);
      const [service] = await findServices(database, workspace, [id]);
      if (!service) throw notFound('FeatureService', name);
      return { featureService: await withColumns(deps, service) };
    },
    async listFeatureServices(request) {
      const { workspace, page } = pageOf(request);
      const found = await listServices(database, workspace, page);
      const featureServices: FeatureService[] = [];
      for (const service of found) featureServices.push(await withColumns(deps, service));
      return {
        featureServices,
        nextPageToken: tokenAfter(found, page.limit, ({ name }) => names.featureService.parse(name).featureService),
      };
    },
    async deleteFeatureService({ name, etag }) {
      const { workspace, featureService: id } = names.featureService.parse(name);
      await changeCatalog(deps, workspace, async (tx) => {
        const [service] = await findServices(tx, workspace, [id]);
        if (!service) throw notFound('FeatureService', name);
        checkEtag(name, service.etag, etag);
        await deleteDefinition(tx, 'feature_services', workspace, id);
      });
      return {};
    },
    async searchFeatures(request) {
      const { workspace, page } = pageOf(request);
      const [id = '', ordinal = -1] = request.pageToken === '' ? [] : decodePageToken(request.pageToken);
      const words = request.query
        .toLowerCase()
        .split(/\s+/)
        .filter((word) => word !== '')
        .slice(0, 20);
      const found = await searchFeatures(
        database,
        workspace,
        words,
        { id: String(id), ordinal: Number(ordinal) },
        page.limit,
      );
      const last = found.at(-1);
      return {
        features: found.map(({ view, ordinal: place }) => ({
          featureView: view.view.name,
          feature: view.view.features[place]!,
        })),
        nextPageToken: last && found.length === page.limit ? encodePageToken([last.view.id, last.ordinal]) : '',
      };
    },
  };
}

/** The service with its columns, which follow from its views. */
export async function withColumns(deps: Deps, service: FeatureService): Promise<FeatureService> {
  const views = await requireViews(
    deps.database,
    service.views.map((view) => view.featureView),
    'views',
  );
  const fields: MessageInitShape<typeof FieldSchema>[] = fieldsOf(await planOf(deps, service, views));
  return Object.assign(service, { columns: fields.map((field) => create(FieldSchema, field)) });
}

/** Changes definitions in a transaction of their own, and tells all caches. */
async function changeCatalog(deps: Deps, workspace: string, change: (tx: Tx) => Promise<void>): Promise<void> {
  await deps.database.withTransaction(async (tx) => {
    await lockCatalog(tx, workspace);
    await change(tx);
    await announce(tx, { kind: 'catalog' });
    tx.afterCommit(() => deps.changes.apply({ kind: 'catalog' }));
  });
}

interface PageRequest {
  readonly parent: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

function pageOf(request: PageRequest): { workspace: string; page: { after: string; limit: number } } {
  const { workspace } = names.workspace.parse(request.parent, 'parent');
  const after = request.pageToken === '' ? '' : String(decodePageToken(request.pageToken)[0]);
  return { workspace, page: { after, limit: request.pageSize || PAGE_SIZE } };
}

function tokenAfter<T>(found: readonly T[], limit: number, idOf: (item: T) => string): string {
  const last = found.at(-1);
  return last !== undefined && found.length === limit ? encodePageToken([idOf(last)]) : '';
}

function checkEtag(name: string, actual: string, given: string): void {
  if (given === '' || given === actual) return;
  throw new AppError(
    'ABORTED',
    `"${name}" was changed meanwhile: its etag is "${actual}", not "${given}". Read it again.`,
    {
      reason: 'ETAG_MISMATCH',
      fields: { name, etag: actual },
    },
  );
}

function inUse(reason: string, name: string, users: string, ids: readonly string[]): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `"${name}" is used by the ${users} ${ids.join(', ')}. Delete or change these first.`,
    {
      reason,
      fields: { name, [users]: ids.join(',') },
    },
  );
}
