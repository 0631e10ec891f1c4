import type { JsonValue } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** What a deployment was made of, once it has been verified. */
export interface DeploymentSource {
  /** `millrace.registry.v1.ModelVersion` as JSON. */
  readonly modelVersion: JsonValue;
  readonly publicKeyPem: string;
  /** `millrace.featurestore.v1.FeatureService` as JSON; null for a model without one. */
  readonly featureService: JsonValue;
}

/** A deployment as a row; ids grow with time. */
export interface DeploymentRow {
  readonly id: string;
  readonly endpoint: string;
  readonly modelVersion: string;
  readonly isActive: boolean;
  readonly activeAt: Date | null;
  readonly retiredAt: Date | null;
  readonly source: DeploymentSource | null;
}

const COLUMNS = `d.id, d.endpoint, d.model_version "modelVersion", d.is_active "isActive", d.active_at "activeAt",
  d.retired_at "retiredAt", d.source`;

/** Adds a deployment. */
export async function insertDeployment(
  tx: Tx,
  row: { id: string; endpoint: string; modelVersion: string; requestId: string; createdAt: Date },
): Promise<void> {
  await tx.execute(
    `insert into deployments (id, endpoint, model_version, request_id, created_at) values ($1, $2, $3, nullif($4, ''), $5)`,
    [row.id, row.endpoint, row.modelVersion, row.requestId, row.createdAt],
  );
}

/** The deployment of this id. */
export function findDeployment(db: Queryable, endpoint: string, id: string): Promise<DeploymentRow | undefined> {
  return db.maybeOne<DeploymentRow>(`select ${COLUMNS} from deployments d where d.endpoint = $1 and d.id = $2`, [
    endpoint,
    id,
  ]);
}

/** The deployment that this request has made. */
export function findDeploymentOfRequest(
  db: Queryable,
  endpoint: string,
  requestId: string,
): Promise<DeploymentRow | undefined> {
  return db.maybeOne<DeploymentRow>(
    `select ${COLUMNS} from deployments d where d.endpoint = $1 and d.request_id = $2`,
    [endpoint, requestId],
  );
}

/** The deployment that answers. */
export function activeDeployment(db: Queryable, endpoint: string): Promise<DeploymentRow | undefined> {
  return db.maybeOne<DeploymentRow>(`select ${COLUMNS} from deployments d where d.endpoint = $1 and d.is_active`, [
    endpoint,
  ]);
}

/** The newest deployment that is on its way or answers. */
export function newestLiveDeployment(db: Queryable, endpoint: string): Promise<DeploymentRow | undefined> {
  return db.maybeOne<DeploymentRow>(
    `select ${COLUMNS} from deployments d left join jobs j on j.id = d.id
     where d.endpoint = $1 and (d.is_active or j.state in ('PENDING', 'RUNNING')) order by d.id desc limit 1`,
    [endpoint],
  );
}

/** The deployment that answered last before the active one, with another version than it. */
export function previousDeployment(db: Queryable, endpoint: string): Promise<DeploymentRow | undefined> {
  return db.maybeOne<DeploymentRow>(
    `select ${COLUMNS} from deployments d join deployments a on a.endpoint = d.endpoint and a.is_active
     where d.endpoint = $1 and d.retired_at is not null and d.model_version <> a.model_version
     order by d.retired_at desc, d.id desc limit 1`,
    [endpoint],
  );
}

/** Deployments of an endpoint with an id below `before`, newest first. */
export function listDeployments(
  db: Queryable,
  endpoint: string,
  before: string,
  limit: number,
): Promise<DeploymentRow[]> {
  return db.query<DeploymentRow>(
    `select ${COLUMNS} from deployments d where d.endpoint = $1 and ($2 = '' or d.id < $2) order by d.id desc limit $3`,
    [endpoint, before, limit],
  );
}

/** Lets a deployment answer in place of the active one. */
export async function activateDeployment(tx: Tx, row: DeploymentRow, source: DeploymentSource, now: Date) {
  await tx.execute(
    `update deployments set is_active = false, retired_at = $3 where endpoint = $1 and is_active and id <> $2`,
    [row.endpoint, row.id, now],
  );
  await tx.execute(
    `update deployments set is_active = true, active_at = coalesce(active_at, $2), retired_at = null, source = $3 where id = $1`,
    [row.id, now, JSON.stringify(source)],
  );
}

/** Tells every process at the commit that an endpoint or what it serves has changed. */
export async function notifyEndpoint(tx: Tx, endpoint: string): Promise<void> {
  await tx.query('select pg_notify($1, $2)', [endpointChannel(tx.schema), endpoint]);
}

/** The channel of {@link notifyEndpoint}. */
export function endpointChannel(schema: string): string {
  return `${schema}_endpoints`;
}
