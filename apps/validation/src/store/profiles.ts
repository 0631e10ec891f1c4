import type { Queryable, Tx } from '@millrace/postgres';

/** Where the profiles of a version lie. */
export interface ProfileRow {
  readonly datasetVersion: string;
  /** Of all rows. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** Of the rows that the version added. */
  readonly addedDigest: string;
  readonly addedRows: number;
  readonly rowCount: number;
  readonly createdAt: Date;
}

/** Notes the profiles of a version; judging it again replaces them. */
export async function upsertProfile(tx: Tx, dataset: string, row: ProfileRow): Promise<void> {
  await tx.execute(
    `insert into profiles (dataset_version, dataset, digest, size_bytes, added_digest, added_rows, row_count, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (dataset_version) do update set digest = excluded.digest, size_bytes = excluded.size_bytes,
       added_digest = excluded.added_digest, added_rows = excluded.added_rows, row_count = excluded.row_count`,
    [
      row.datasetVersion,
      dataset,
      row.digest,
      row.sizeBytes,
      row.addedDigest,
      row.addedRows,
      row.rowCount,
      row.createdAt,
    ],
  );
}

/** The profiles of a version. */
export function findProfile(db: Queryable, datasetVersion: string): Promise<ProfileRow | undefined> {
  return db.maybeOne<ProfileRow>(
    `select dataset_version as "datasetVersion", digest, size_bytes as "sizeBytes", added_digest as "addedDigest",
       added_rows as "addedRows", row_count as "rowCount", created_at as "createdAt" from profiles where dataset_version = $1`,
    [datasetVersion],
  );
}
