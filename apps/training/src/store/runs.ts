import type { Queryable, Tx } from '@millrace/postgres';

/** A file of a run. */
export interface ArtifactRow {
  readonly path: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
}

/** A run with all that belongs to it. */
export interface RunRow {
  readonly runId: string;
  readonly workspace: string;
  readonly experimentId: string;
  readonly displayName: string;
  /** The number of the contract's RunStatus. */
  readonly status: number;
  readonly startTime: Date;
  readonly endTime: Date | null;
  readonly jobId: string | null;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Newest values; numbers, or the texts `NaN`, `Infinity`, `-Infinity`. */
  readonly metrics: Readonly<Record<string, number | string>>;
  readonly artifacts: readonly ArtifactRow[];
}

const MAP = "coalesce((select jsonb_object_agg(key, value) from %t x where x.run_id = r.run_id), '{}')";

/** The columns of a run `r` with its parts, each read by one look-up in an index. */
export const RUN_COLUMNS = `r.run_id as "runId", r.workspace, r.experiment_id as "experimentId",
  r.display_name as "displayName", r.status, r.start_time as "startTime", r.end_time as "endTime", r.job_id as "jobId",
  ${MAP.replace('%t', 'run_params')} as params, ${MAP.replace('%t', 'run_tags')} as tags,
  ${MAP.replace('%t', 'run_metrics')} as metrics,
  coalesce((select jsonb_agg(jsonb_build_object('path', path, 'digest', digest, 'sizeBytes', size_bytes,
    'mediaType', media_type) order by path) from run_artifacts x where x.run_id = r.run_id), '[]') as artifacts`;

/** Stores a new run. */
export async function insertRun(
  tx: Tx,
  run: Pick<RunRow, 'runId' | 'workspace' | 'experimentId' | 'displayName' | 'status' | 'startTime' | 'jobId'>,
): Promise<void> {
  await tx.execute(
    `insert into runs (run_id, workspace, experiment_id, display_name, status, start_time, job_id)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [run.runId, run.workspace, run.experimentId, run.displayName, run.status, run.startTime, run.jobId],
  );
}

/** One run of a workspace. */
export function findRun(q: Queryable, workspace: string, runId: string): Promise<RunRow | undefined> {
  return q.maybeOne(`select ${RUN_COLUMNS} from runs r where workspace = $1 and run_id = $2`, [workspace, runId]);
}

/** What is needed to change a run; it is locked to the end of the transaction. */
export function lockRun(
  tx: Tx,
  workspace: string,
  runId: string,
): Promise<Pick<RunRow, 'status' | 'jobId'> | undefined> {
  return tx.maybeOne('select status, job_id as "jobId" from runs where workspace = $1 and run_id = $2 for update', [
    workspace,
    runId,
  ]);
}

/** Ends a run. */
export async function endRun(tx: Tx, runId: string, status: number, endTime: Date): Promise<void> {
  await tx.execute('update runs set status = $2, end_time = $3 where run_id = $1', [runId, status, endTime]);
}

/** Adds parameters; gives those that the run has with another value, whose statement then has changed nothing of them. */
export async function addParams(
  tx: Tx,
  runId: string,
  params: Readonly<Record<string, string>>,
): Promise<{ key: string; value: string }[]> {
  const [keys, values] = [Object.keys(params), Object.values(params)];
  if (keys.length === 0) return [];
  await tx.execute(
    `insert into run_params (run_id, key, value) select $1, * from unnest($2::text[], $3::text[]) on conflict do nothing`,
    [runId, keys, values],
  );
  return await tx.query(
    `select p.key, p.value from run_params p join unnest($2::text[], $3::text[]) as given (key, value) using (key)
     where p.run_id = $1 and p.value <> given.value order by p.key`,
    [runId, keys, values],
  );
}

/** Sets tags; the newest value holds. */
export async function setTags(tx: Tx, runId: string, tags: Readonly<Record<string, string>>): Promise<void> {
  const keys = Object.keys(tags);
  if (keys.length === 0) return;
  await tx.execute(
    `insert into run_tags (run_id, key, value) select $1, * from unnest($2::text[], $3::text[])
     on conflict (run_id, key) do update set value = excluded.value where run_tags.value <> excluded.value`,
    [runId, keys, Object.values(tags)],
  );
}

/** Adds files; a file of the same path takes the place of the one before. Paths are unique. */
export async function addArtifacts(tx: Tx, runId: string, artifacts: readonly ArtifactRow[]): Promise<void> {
  if (artifacts.length === 0) return;
  await tx.execute(
    `insert into run_artifacts (run_id, path, digest, size_bytes, media_type)
     select $1, * from unnest($2::text[], $3::text[], $4::bigint[], $5::text[])
     on conflict (run_id, path) do update
     set digest = excluded.digest, size_bytes = excluded.size_bytes, media_type = excluded.media_type`,
    [
      runId,
      artifacts.map(({ path }) => path),
      artifacts.map(({ digest }) => digest),
      artifacts.map(({ sizeBytes }) => sizeBytes),
      artifacts.map(({ mediaType }) => mediaType),
    ],
  );
}
