import type { Queryable, Tx } from '@millrace/postgres';

/** A file of the prediction log as a row. */
export interface LogFileRow {
  readonly endpoint: string;
  readonly sequence: number;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly rows: number;
  readonly startAt: Date;
  readonly endAt: Date;
  readonly rowsByVersion: Readonly<Record<string, number>>;
  readonly createdAt: Date;
}

const COLUMNS = `endpoint, sequence, digest, size_bytes "sizeBytes", row_count "rows", start_at "startAt", end_at "endAt",
  rows_by_version "rowsByVersion", created_at "createdAt"`;

/**
 * Adds a file under the endpoint's next number and gives the row; undefined when the file is there already or the
 * endpoint is gone.
 */
export async function insertLogFile(tx: Tx, file: Omit<LogFileRow, 'sequence'>): Promise<LogFileRow | undefined> {
  const known = await tx.maybeOne('select 1 from prediction_log_files where endpoint = $1 and digest = $2', [
    file.endpoint,
    file.digest,
  ]);
  if (known) return undefined;
  const next = await tx.maybeOne<{ sequence: number }>(
    'update endpoints set log_sequence = log_sequence + 1 where name = $1 returning log_sequence sequence',
    [file.endpoint],
  );
  if (next === undefined) return undefined;
  return tx.one<LogFileRow>(
    `insert into prediction_log_files (endpoint, sequence, digest, size_bytes, row_count, start_at, end_at,
       rows_by_version, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${COLUMNS}`,
    [
      file.endpoint,
      next.sequence,
      file.digest,
      file.sizeBytes,
      file.rows,
      file.startAt,
      file.endAt,
      JSON.stringify(file.rowsByVersion),
      file.createdAt,
    ],
  );
}

/** Files of an endpoint behind number `after` with rows in the window, oldest first. */
export function listLogFiles(
  db: Queryable,
  filter: { endpoint: string; after: number; start: Date | undefined; end: Date | undefined; limit: number },
): Promise<LogFileRow[]> {
  return db.query<LogFileRow>(
    `select ${COLUMNS} from prediction_log_files
     where endpoint = $1 and sequence > $2 and ($3::timestamptz is null or end_at >= $3)
       and ($4::timestamptz is null or start_at < $4)
     order by sequence limit $5`,
    [filter.endpoint, filter.after, filter.start, filter.end, filter.limit],
  );
}
