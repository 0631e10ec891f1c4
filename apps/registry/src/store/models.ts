import type { Queryable, Tx } from '@millrace/postgres';

/** A registered model as a row. */
export interface ModelRow {
  readonly name: string;
  readonly description: string;
  readonly latestNumber: number;
  readonly etag: string;
  readonly createdAt: Date;
  /** Version names by alias. */
  readonly aliases: Readonly<Record<string, string>>;
}

const COLUMNS = `name, description, latest_number as "latestNumber", etag, created_at as "createdAt",
  coalesce((select jsonb_object_agg(a.alias, a.version) from aliases a where a.model = m.name), '{}') as aliases`;

/** Creates the model unless it is there; tells whether it did. */
export async function insertModel(
  tx: Tx,
  row: Omit<ModelRow, 'aliases' | 'latestNumber'> & { workspace: string },
): Promise<boolean> {
  const rows = await tx.execute(
    `insert into registered_models (name, workspace, description, etag, created_at)
     values ($1, $2, $3, $4, $5) on conflict (name) do nothing`,
    [row.name, row.workspace, row.description, row.etag, row.createdAt],
  );
  return rows === 1;
}

/** The model of this name. */
export function findModel(db: Queryable, name: string): Promise<ModelRow | undefined> {
  return db.maybeOne<ModelRow>(`select ${COLUMNS} from registered_models m where name = $1`, [name]);
}

/** Models of a workspace behind `after`, by name. */
export function listModels(db: Queryable, workspace: string, after: string, limit: number): Promise<ModelRow[]> {
  return db.query<ModelRow>(
    `select ${COLUMNS} from registered_models m where workspace = $1 and name > $2 order by name limit $3`,
    [workspace, after, limit],
  );
}

/** Holds the model's row until the transaction ends, so that its versions and aliases change one after the other. */
export async function lockModel(tx: Tx, name: string): Promise<{ latestNumber: number } | undefined> {
  return tx.maybeOne<{ latestNumber: number }>(
    `select latest_number as "latestNumber" from registered_models where name = $1 for update`,
    [name],
  );
}

/** Notes the newest version's number. */
export async function setLatestNumber(tx: Tx, name: string, number: number, etag: string): Promise<void> {
  await tx.execute('update registered_models set latest_number = $2, etag = $3 where name = $1', [name, number, etag]);
}

/** Deletes the model with its versions, aliases, promotions and history. */
export async function deleteModel(tx: Tx, name: string): Promise<boolean> {
  await tx.execute('delete from aliases where model = $1', [name]);
  return (await tx.execute('delete from registered_models where name = $1', [name])) === 1;
}

/** Points an alias to a version. */
export async function upsertAlias(tx: Tx, model: string, alias: string, version: string, now: Date): Promise<void> {
  await tx.execute(
    `insert into aliases (model, alias, version, updated_at) values ($1, $2, $3, $4)
     on conflict (model, alias) do update set version = excluded.version, updated_at = excluded.updated_at`,
    [model, alias, version, now],
  );
}

/** Removes an alias; gives the version that it pointed to. */
export async function removeAlias(tx: Tx, model: string, alias: string): Promise<string | undefined> {
  const row = await tx.maybeOne<{ version: string }>(
    'delete from aliases where model = $1 and alias = $2 returning version',
    [model, alias],
  );
  return row?.version;
}

/** The version that an alias points to. */
export async function findAlias(db: Queryable, model: string, alias: string): Promise<string | undefined> {
  const row = await db.maybeOne<{ version: string }>('select version from aliases where model = $1 and alias = $2', [
    model,
    alias,
  ]);
  return row?.version;
}
