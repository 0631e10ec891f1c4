import type { Queryable, Tx } from '@millrace/postgres';

/** An endpoint as a row. */
export interface EndpointRow {
  readonly name: string;
  readonly workspace: string;
  readonly description: string;
  readonly registeredModel: string;
  readonly alias: string;
  readonly queueMax: number;
  readonly rowsMax: number;
  readonly logPredictions: boolean;
  readonly etag: string;
  readonly createdAt: Date;
}

const COLUMNS = `name, workspace, description, registered_model "registeredModel", alias, queue_max "queueMax",
  rows_max "rowsMax", log_predictions "logPredictions", etag, created_at "createdAt"`;

/** Adds an endpoint; false when there is one of this name, or of this request. */
export async function insertEndpoint(tx: Tx, row: EndpointRow, requestId: string): Promise<boolean> {
  const count = await tx.execute(
    `insert into endpoints (name, workspace, description, registered_model, alias, queue_max, rows_max, log_predictions,
       etag, created_at, request_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, '')) on conflict do nothing`,
    [...valuesOf(row), row.createdAt, requestId],
  );
  return count > 0;
}

/** Writes all that can change. */
export async function updateEndpoint(tx: Tx, row: EndpointRow): Promise<void> {
  await tx.execute(
    `update endpoints set workspace = $2, description = $3, registered_model = $4, alias = $5, queue_max = $6,
       rows_max = $7, log_predictions = $8, etag = $9 where name = $1`,
    valuesOf(row),
  );
}

/** The endpoint of this name. */
export function findEndpoint(db: Queryable, name: string): Promise<EndpointRow | undefined> {
  return db.maybeOne<EndpointRow>(`select ${COLUMNS} from endpoints where name = $1`, [name]);
}

/** The endpoint of this name, locked until the transaction ends. */
export function lockEndpoint(tx: Tx, name: string): Promise<EndpointRow | undefined> {
  return tx.maybeOne<EndpointRow>(`select ${COLUMNS} from endpoints where name = $1 for update`, [name]);
}

/** The endpoint that this request has created. */
export function findEndpointOfRequest(
  db: Queryable,
  workspace: string,
  requestId: string,
): Promise<EndpointRow | undefined> {
  return db.maybeOne<EndpointRow>(`select ${COLUMNS} from endpoints where workspace = $1 and request_id = $2`, [
    workspace,
    requestId,
  ]);
}

/** Endpoints of a workspace behind `after`, by name. */
export function listEndpoints(db: Queryable, workspace: string, after: string, limit: number): Promise<EndpointRow[]> {
  return db.query<EndpointRow>(
    `select ${COLUMNS} from endpoints where workspace = $1 and name > $2 order by name limit $3`,
    [workspace, after, limit],
  );
}

/** Every endpoint. */
export function allEndpoints(db: Queryable): Promise<EndpointRow[]> {
  return db.query<EndpointRow>(`select ${COLUMNS} from endpoints order by name`);
}

/** The endpoints that follow an alias of a model. */
export function endpointsOfAlias(db: Queryable, registeredModel: string, alias: string): Promise<EndpointRow[]> {
  return db.query<EndpointRow>(
    `select ${COLUMNS} from endpoints where registered_model = $1 and alias = $2 order by name`,
    [registeredModel, alias],
  );
}

/** Removes an endpoint with its deployments and log files (the blobs stay until they are collected). */
export async function deleteEndpoint(tx: Tx, name: string): Promise<void> {
  await tx.execute('delete from endpoints where name = $1', [name]);
}

function valuesOf(row: EndpointRow): unknown[] {
  const { name, workspace, description, registeredModel, alias, queueMax, rowsMax, logPredictions, etag } = row;
  return [name, workspace, description, registeredModel, alias, queueMax, rowsMax, logPredictions, etag];
}
