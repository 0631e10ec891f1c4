import type { ContractMode } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import type { Queryable, Tx } from '@millrace/postgres';

/** A dataset as it is kept. */
export interface DatasetRow {
  readonly name: string;
  readonly workspace: string;
  readonly description: string;
  readonly primaryKey: readonly string[];
  readonly columnsMode: ContractMode;
  readonly typesMode: ContractMode;
  readonly publishedVersion: number | null;
  readonly latestVersion: number | null;
  readonly etag: string;
  readonly createTime: Date;
  readonly updateTime: Date;
}

const COLUMNS = `name, workspace, description, primary_key "primaryKey", columns_mode "columnsMode", types_mode "typesMode",
  published_version "publishedVersion", latest_version "latestVersion", etag, create_time "createTime", update_time "updateTime"`;

/** The dataset of this name. */
export function findDataset(q: Queryable, name: string): Promise<DatasetRow | undefined> {
  return q.maybeOne<DatasetRow>(`select ${COLUMNS} from datasets where name = $1`, [name]);
}

/** The dataset of this name, locked to the end of the transaction: what serializes its commits and verdicts. */
export function lockDataset(tx: Tx, name: string): Promise<DatasetRow | undefined> {
  return tx.maybeOne<DatasetRow>(`select ${COLUMNS} from datasets where name = $1 for update`, [name]);
}

/** Datasets of a workspace by name, after `after`. */
export function listDatasets(q: Queryable, workspace: string, after: string, limit: number): Promise<DatasetRow[]> {
  return q.query<DatasetRow>(
    `select ${COLUMNS} from datasets where workspace = $1 and name > $2 order by name limit $3`,
    [workspace, after, limit],
  );
}

/** Stores a new dataset; false when the name is taken. */
export async function insertDataset(tx: Tx, row: DatasetRow): Promise<boolean> {
  const inserted = await tx.execute(
    `insert into datasets (name, workspace, description, primary_key, columns_mode, types_mode, etag, create_time, update_time)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
    [
      row.name,
      row.workspace,
      row.description,
      row.primaryKey,
      row.columnsMode,
      row.typesMode,
      row.etag,
      row.createTime,
      row.updateTime,
    ],
  );
  return inserted === 1;
}

/** Changes what callers may change of a dataset, and its version pointers. */
export async function updateDataset(tx: Tx, row: DatasetRow): Promise<void> {
  await tx.execute(
    `update datasets set description = $2, primary_key = $3, columns_mode = $4, types_mode = $5, published_version = $6,
       latest_version = $7, etag = $8, update_time = $9 where name = $1`,
    [
      row.name,
      row.description,
      row.primaryKey,
      row.columnsMode,
      row.typesMode,
      row.publishedVersion,
      row.latestVersion,
      row.etag,
      row.updateTime,
    ],
  );
}

/** Deletes a dataset with its versions and dead letters; the counter of its versions stays. */
export async function deleteDataset(tx: Tx, name: string): Promise<void> {
  await tx.execute('delete from datasets where name = $1', [name]);
}

/** Gives out the next version number of a dataset. */
export async function nextVersion(tx: Tx, dataset: string): Promise<number> {
  const { version } = await tx.one<{ version: number }>(
    `insert into version_counters (dataset, last_version) values ($1, 1)
     on conflict (dataset) do update set last_version = version_counters.last_version + 1
     returning last_version version`,
    [dataset],
  );
  return version;
}
