import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Endpoint } from '@millrace/contracts/millrace/serving/v1/endpoint';
import type { ServingService } from '@millrace/contracts/millrace/serving/v1/serving_service';
import { cancelJobs, getJob, watchJob } from '@millrace/jobs';
import { AppError, names, notFound } from '@millrace/kernel';
import type { Queryable, Tx } from '@millrace/postgres';
import { decodePageToken, nextPageToken } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import { requestDeployment } from './deploy.ts';
import type { ServingDeps } from './deps.ts';
import { applyMask, definitionOf } from './domain/definition.ts';
import type { DeploymentRow } from './store/deployments.ts';
import {
  activeDeployment,
  findDeployment,
  listDeployments,
  newestLiveDeployment,
  notifyEndpoint,
  previousDeployment,
} from './store/deployments.ts';
import type { EndpointRow } from './store/endpoints.ts';
import {
  deleteEndpoint,
  findEndpoint,
  findEndpointOfRequest,
  insertEndpoint,
  listEndpoints,
  lockEndpoint,
  updateEndpoint,
} from './store/endpoints.ts';
import { listLogFiles } from './store/log-files.ts';
import { deploymentName, deploymentToProto, endpointToProto, logFileToProto, statsToProto } from './translate.ts';

const PAGE_DEFAULT = 100;

/** The handlers of ServingService. */
export function createService(deps: ServingDeps): ServiceImpl<typeof ServingService> {
  const { database, registry, endpoints } = deps;
  const deploymentOf = async (row: DeploymentRow) => deploymentToProto(row, await getJob(database, row.id));
  const view = async (row: EndpointRow) => {
    const deployment = await activeDeployment(database, row.name);
    return endpointToProto(row, deployment && (await deploymentOf(deployment)), endpoints.get(row.name)?.model?.plan);
  };
  const deploy = async (endpoint: string, modelVersion: string, requestId: string) => {
    const id = await database.withTransaction((tx) =>
      requestDeployment(deps, tx, { endpoint, modelVersion, requestId }),
    );
    return { deployment: await deploymentOf(await requireDeployment(database, endpoint, id)) };
  };

  return {
    async createEndpoint({ endpoint, requestId }) {
      const row = newRow(deps, endpoint);
      const stored = await database.withTransaction(async (tx) => {
        const isNew = await insertEndpoint(tx, row, requestId);
        if (isNew) await notifyEndpoint(tx, row.name);
        if (isNew) return row;
        const known = requestId ? await findEndpointOfRequest(tx, row.workspace, requestId) : undefined;
        if (known) return known;
        throw new AppError(
          'ALREADY_EXISTS',
          `Endpoint "${row.name}" exists already. Update it, or take another name.`,
          {
            reason: 'ENDPOINT_EXISTS',
            fields: { name: row.name },
          },
        );
      });
      await endpoints.sync(stored.name);
      return { endpoint: await view(stored) };
    },
    async getEndpoint({ name }) {
      names.endpoint.parse(name);
      return { endpoint: await view(await requireEndpoint(database, name)) };
    },
    async listEndpoints({ parent, pageSize, pageToken }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const [after] = pageToken ? (decodePageToken(pageToken) as [string]) : [''];
      const rows = await listEndpoints(database, workspace, String(after), limit + 1);
      const page = rows.slice(0, limit);
      return {
        endpoints: await Promise.all(page.map(view)),
        nextPageToken: nextPageToken(rows, limit, (row) => row.name),
      };
    },
    async updateEndpoint({ endpoint, updateMask, allowMissing }) {
      const wanted = newRow(deps, endpoint);
      const stored = await database.withTransaction(async (tx) => {
        const known = await lockEndpoint(tx, wanted.name);
        if (!known && !allowMissing) throw notFound('Endpoint', wanted.name);
        const row = known ? applyMask(known, wanted, updateMask?.paths ?? []) : wanted;
        if (!known) await insertEndpoint(tx, row, '');
        else {
          checkEtag(known, endpoint?.etag ?? '');
          await updateEndpoint(tx, row);
        }
        await notifyEndpoint(tx, row.name);
        return row;
      });
      await endpoints.sync(stored.name);
      return { endpoint: await view(stored) };
    },
    async deleteEndpoint({ name, etag }) {
      names.endpoint.parse(name);
      await endpoints.get(name)?.log.flushQuietly();
      await database.withTransaction(async (tx) => {
        const known = await lockEndpoint(tx, name);
        if (!known) throw notFound('Endpoint', name);
        checkEtag(known, etag);
        const live = await newestLiveDeployment(tx, name);
        if (live && !live.isActive) await cancelJobs(tx, deploymentName(live));
        await deleteEndpoint(tx, name);
        await notifyEndpoint(tx, name);
      });
      await endpoints.sync(name);
      return {};
    },
    async deploy({ endpoint, modelVersion, requestId }) {
      names.endpoint.parse(endpoint, 'endpoint');
      if (modelVersion) names.modelVersion.parse(modelVersion, 'model_version');
      const { registeredModel, alias } = await requireEndpoint(database, endpoint);
      const request = modelVersion ? { name: modelVersion } : { name: registeredModel, alias };
      const found = (await registry.getModelVersion(request)).modelVersion;
      return deploy(endpoint, checkModel(found?.name ?? modelVersion, registeredModel), requestId);
    },
    async *watchDeployment({ name }, { signal }) {
      const { id, endpoint } = partsOf(name);
      await requireDeployment(database, endpoint, id);
      for await (const _ of watchJob(database, id, signal))
        yield { deployment: await deploymentOf(await requireDeployment(database, endpoint, id)) };
    },
    async listDeployments({ parent, pageSize, pageToken }) {
      names.endpoint.parse(parent, 'parent');
      await requireEndpoint(database, parent);
      const limit = pageSize || PAGE_DEFAULT;
      const [before] = pageToken ? (decodePageToken(pageToken) as [string]) : [''];
      const rows = await listDeployments(database, parent, String(before), limit + 1);
      return {
        deployments: await Promise.all(rows.slice(0, limit).map(deploymentOf)),
        nextPageToken: nextPageToken(rows, limit, (row) => row.id),
      };
    },
    async rollback({ endpoint, requestId }) {
      names.endpoint.parse(endpoint, 'endpoint');
      await requireEndpoint(database, endpoint);
      const previous = await previousDeployment(database, endpoint);
      if (!previous) {
        throw new AppError('FAILED_PRECONDITION', `Nothing answered at "${endpoint}" before. Deploy a version.`, {
          reason: 'NO_PREVIOUS_DEPLOYMENT',
          fields: { endpoint },
        });
      }
      return deploy(endpoint, previous.modelVersion, requestId);
    },
    async getEndpointStats({ endpoint }) {
      return { stats: statsToProto(await requireRuntime(deps, endpoint)) };
    },
    async flushPredictionLog({ endpoint }) {
      return { rows: BigInt(await (await requireRuntime(deps, endpoint)).log.flush()) };
    },
    async listPredictionLogFiles({ parent, pageSize, pageToken, startTime, endTime }) {
      names.endpoint.parse(parent, 'parent');
      await requireEndpoint(database, parent);
      const limit = pageSize || PAGE_DEFAULT;
      const [after] = pageToken ? (decodePageToken(pageToken) as [number]) : [0];
      const rows = await listLogFiles(database, {
        endpoint: parent,
        after: Number(after),
        start: startTime && timestampDate(startTime),
        end: endTime && timestampDate(endTime),
        limit: limit + 1,
      });
      return {
        files: rows.slice(0, limit).map(logFileToProto),
        nextPageToken: nextPageToken(rows, limit, (row) => row.sequence),
      };
    },
  };

  function newRow({ platform: { clock } }: ServingDeps, endpoint: Endpoint | undefined): EndpointRow {
    return definitionOf(endpoint, clock.now());
  }
}

async function requireRuntime({ database, endpoints }: ServingDeps, name: string) {
  names.endpoint.parse(name, 'endpoint');
  const known = endpoints.get(name);
  if (known) return known;
  await requireEndpoint(database, name);
  await endpoints.sync(name);
  const synced = endpoints.get(name);
  if (!synced) throw notFound('Endpoint', name);
  return synced;
}

async function requireEndpoint(db: Queryable | Tx, name: string): Promise<EndpointRow> {
  const row = await findEndpoint(db, name);
  if (!row) throw notFound('Endpoint', name);
  return row;
}

async function requireDeployment(db: Queryable, endpoint: string, id: string): Promise<DeploymentRow> {
  const row = await findDeployment(db, endpoint, id);
  if (!row) throw notFound('Deployment', deploymentName({ endpoint, id }));
  return row;
}

function partsOf(name: string): { id: string; endpoint: string } {
  const { workspace, endpoint, deployment } = names.deployment.parse(name);
  return { id: deployment, endpoint: names.endpoint.format({ workspace, endpoint }) };
}

/** Gives the version back, or throws INVALID_ARGUMENT when it is another model's. */
function checkModel(version: string, model: string): string {
  if (version.startsWith(`${model}/versions/`)) return version;
  throw new AppError('INVALID_ARGUMENT', `"${version}" is not a version of the endpoint's model "${model}".`, {
    reason: 'MODEL_VERSION_OF_OTHER_MODEL',
    fields: { model_version: version, registered_model: model },
    violations: [{ field: 'model_version', description: `is not a version of "${model}".` }],
  });
}

function checkEtag({ name, etag }: EndpointRow, wanted: string): void {
  if (wanted === '' || wanted === etag) return;
  throw new AppError('ABORTED', `"${name}" has changed meanwhile. Read it again and repeat.`, {
    reason: 'ETAG_MISMATCH',
    fields: { name, etag },
  });
}
