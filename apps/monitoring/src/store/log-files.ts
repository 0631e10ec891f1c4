import type { Queryable } from '@millrace/postgres';

/** A file of an endpoint's prediction log. */
export interface LogFileRow {
  readonly endpoint: string;
  readonly digest: string;
  readonly rows: number;
  /** Smallest event time. */
  readonly startTime: Date;
  /** Greatest event time. */
  readonly endTime: Date;
  readonly rowsByVersion: Readonly<Record<string, number>>;
  readonly sequence: number;
}

/** Adds files to the index; known ones stay as they are. */
export async function insertLogFiles(db: Queryable, files: readonly LogFileRow[]): Promise<void> {
  if (files.length === 0) return;
  await db.execute(
    `insert into log_files (endpoint, digest, rows, start_time, end_time, rows_by_version, sequence)
     select f->>'endpoint', f->>'digest', (f->>'rows')::bigint, (f->>'startTime')::timestamptz,
       (f->>'endTime')::timestamptz, f->'rowsByVersion', (f->>'sequence')::bigint
     from jsonb_array_elements($1::jsonb) as f
     on conflict (endpoint, digest) do nothing`,
    [JSON.stringify(files)],
  );
}

/** Files with rows in the span of event time; an open end is null. In the order in which they were written. */
export function findLogFiles(
  db: Queryable,
  endpoint: string,
  span: { readonly start: Date | null; readonly end: Date | null },
  limit: number,
): Promise<LogFileRow[]> {
  return db.query<LogFileRow>(
    `select endpoint, digest, rows, start_time as "startTime", end_time as "endTime",
       rows_by_version as "rowsByVersion", sequence
     from log_files where endpoint = $1 and ($2::timestamptz is null or end_time >= $2)
       and ($3::timestamptz is null or start_time < $3)
     order by sequence, digest limit $4`,
    [endpoint, span.start, span.end, limit],
  );
}

/** Whether the endpoint has logged anything. */
export async function hasLogFiles(db: Queryable, endpoint: string): Promise<boolean> {
  return (await db.maybeOne('select 1 from log_files where endpoint = $1 limit 1', [endpoint])) !== undefined;
}
