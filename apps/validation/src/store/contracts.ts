import type { JsonValue } from '@bufbuild/protobuf';
import type { Queryable, Tx } from '@millrace/postgres';

/** A data contract as a row; the document has no times and no etag. */
export interface ContractRow {
  readonly name: string;
  readonly document: JsonValue;
  readonly etag: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const COLUMNS = 'name, document, etag, created_at as "createdAt", updated_at as "updatedAt"';

/** Adds a contract; tells whether it was not there. */
export async function insertContract(tx: Tx, row: ContractRow & { workspace: string }): Promise<boolean> {
  const rows = await tx.execute(
    `insert into data_contracts (name, workspace, document, etag, created_at, updated_at) values ($1, $2, $3, $4, $5, $6)
     on conflict (name) do nothing`,
    [row.name, row.workspace, JSON.stringify(row.document), row.etag, row.createdAt, row.updatedAt],
  );
  return rows === 1;
}

/** Changes a contract. */
export async function updateContract(tx: Tx, row: Omit<ContractRow, 'createdAt'>): Promise<void> {
  await tx.execute('update data_contracts set document = $2, etag = $3, updated_at = $4 where name = $1', [
    row.name,
    JSON.stringify(row.document),
    row.etag,
    row.updatedAt,
  ]);
}

/** The contract of this name; with `lock` nobody else changes it until the transaction ends. */
export function findContract(db: Queryable, name: string, lock = false): Promise<ContractRow | undefined> {
  return db.maybeOne<ContractRow>(`select ${COLUMNS} from data_contracts where name = $1 ${lock ? 'for update' : ''}`, [
    name,
  ]);
}

/** Contracts of a workspace behind `after`, by name. */
export function listContracts(db: Queryable, workspace: string, after: string, limit: number): Promise<ContractRow[]> {
  return db.query<ContractRow>(
    `select ${COLUMNS} from data_contracts where workspace = $1 and name > $2 order by name limit $3`,
    [workspace, after, limit],
  );
}

/** Deletes a contract. */
export async function deleteContract(tx: Tx, name: string): Promise<boolean> {
  return (await tx.execute('delete from data_contracts where name = $1', [name])) === 1;
}
