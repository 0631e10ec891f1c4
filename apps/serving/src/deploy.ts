import { DeploymentReadySchema } from '@millrace/contracts/millrace/serving/v1/serving_events';
import { emitEvent } from '@millrace/events';
import type { JobContext } from '@millrace/jobs';
import { enqueueJob, getJob } from '@millrace/jobs';
import { AppError, notFound } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import type { ServingDeps } from './deps.ts';
import type { SigningKeys } from './model-source.ts';
import { fetchSource, loadSource } from './model-source.ts';
import type { DeploymentRow, DeploymentSource } from './store/deployments.ts';
import {
  activateDeployment,
  activeDeployment,
  findDeployment,
  findDeploymentOfRequest,
  insertDeployment,
  newestLiveDeployment,
  notifyEndpoint,
} from './store/deployments.ts';
import { lockEndpoint } from './store/endpoints.ts';
import { deploymentName, deploymentToProto } from './translate.ts';

/** The job kind of deployments. */
export const DEPLOYMENT_JOB = 'deployment';

/** What a deployment job is told. */
export interface DeploymentPayload {
  readonly endpoint: string;
  readonly id: string;
}

/**
 * Accepts a deployment in the caller's transaction and gives its id. The version that is on its way already, or answers
 * already with nothing newer on its way, is not deployed again: its deployment is given.
 */
export async function requestDeployment(
  { platform, config }: Pick<ServingDeps, 'platform' | 'config'>,
  tx: Tx,
  wanted: { endpoint: string; modelVersion: string; requestId: string },
): Promise<string> {
  const { endpoint, modelVersion, requestId } = wanted;
  if (!(await lockEndpoint(tx, endpoint))) throw notFound('Endpoint', endpoint);
  const known = requestId ? await findDeploymentOfRequest(tx, endpoint, requestId) : undefined;
  if (known) return known.id;
  const live = await newestLiveDeployment(tx, endpoint);
  if (live?.modelVersion === modelVersion) return live.id;
  const id = platform.ids.next();
  await insertDeployment(tx, { id, endpoint, modelVersion, requestId, createdAt: platform.clock.now() });
  await enqueueJob(tx, {
    id,
    kind: DEPLOYMENT_JOB,
    resource: deploymentName({ endpoint, id }),
    payload: { endpoint, id } satisfies DeploymentPayload,
    maxAttempts: config.deploymentAttempts,
  });
  return id;
}

/** Carries a deployment out: fetch, verify, load, warm up; then, in one transaction, let it answer. */
export async function runDeployment(
  deps: ServingDeps & { readonly keys: SigningKeys },
  context: JobContext<DeploymentPayload>,
): Promise<void> {
  const { platform, database, endpoints } = deps;
  const { endpoint, id } = context.payload;
  const row = await findDeployment(database, endpoint, id);
  if (!row) throw notFound('Deployment', context.resource); // the endpoint was deleted meanwhile
  context.progress({ fraction: 0.1, message: 'verifying' });
  const source = await fetchSource(deps, deps.keys, row.modelVersion);
  context.progress({ fraction: 0.4, message: 'loading and warming up' });
  const model = await loadSource(source, context.resource, platform.blobs, endpoints.modelOptions(endpoint));
  endpoints.prepare(id, model);
  try {
    context.signal.throwIfAborted();
    await context.commit((tx) => activate(deps, tx, row, source));
    await endpoints.sync(endpoint);
  } finally {
    endpoints.discard(id);
  }
}

async function activate(deps: ServingDeps, tx: Tx, row: DeploymentRow, source: DeploymentSource): Promise<void> {
  const { platform } = deps;
  if (!(await lockEndpoint(tx, row.endpoint))) throw notFound('Endpoint', row.endpoint);
  const before = await activeDeployment(tx, row.endpoint);
  if (before && before.id > row.id) throw superseded(row, before);
  await activateDeployment(tx, row, source, platform.clock.now());
  await notifyEndpoint(tx, row.endpoint);
  const ready = (await findDeployment(tx, row.endpoint, row.id)) as DeploymentRow;
  await emitEvent(tx, {
    subject: 'millrace.serving.v1.deployment.ready',
    resource: row.endpoint,
    schema: DeploymentReadySchema,
    message: {
      deployment: deploymentToProto(ready, await getJob(tx, row.id)),
      previousVersion: before && before.id !== row.id ? before.modelVersion : '',
    },
  });
}

function superseded(row: DeploymentRow, by: DeploymentRow): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `Deployment "${deploymentName(row)}" is older than the one that answers, "${deploymentName(by)}". Deploy again if it is still wanted.`,
    { reason: 'DEPLOYMENT_SUPERSEDED', fields: { name: deploymentName(row), active: deploymentName(by) } },
  );
}
