import type { Queryable, Tx } from '@millrace/postgres';

/** A point of a metric to add; without a time it gets `now`. */
export interface NewPoint {
  readonly key: string;
  readonly value: number;
  readonly step: number;
  readonly time: Date | undefined;
}

/** A stored point. */
export interface PointRow {
  readonly key: string;
  readonly value: number;
  readonly step: number;
  readonly time: Date;
}

/**
 * Adds points and brings the newest values up to date, in two statements whatever their number. Points that are there
 * already change nothing: equal in key, step, value and time, or, when they were sent without a time, in key, step, value.
 */
export async function addPoints(tx: Tx, runId: string, points: readonly NewPoint[], now: Date): Promise<void> {
  if (points.length === 0) return;
  await tx.execute(
    `with added as (
       insert into metric_points (run_id, key, step, time, value, is_time_given)
       select $1, * from unnest($2::text[], $3::bigint[], $4::timestamptz[], $5::float8[], $6::boolean[])
       on conflict do nothing
       returning key, step, time, value
     ), newest as (
       select distinct on (key) key, step, time, value from added order by key, step desc, time desc, value desc
     )
     insert into run_metrics (run_id, key, value, step, time) select $1, key, value, step, time from newest
     on conflict (run_id, key) do update set value = excluded.value, step = excluded.step, time = excluded.time
     where (excluded.step, excluded.time, excluded.value) > (run_metrics.step, run_metrics.time, run_metrics.value)`,
    [
      runId,
      points.map(({ key }) => key),
      points.map(({ step }) => step),
      points.map(({ time }) => time ?? now),
      points.map(({ value }) => value),
      points.map(({ time }) => time !== undefined),
    ],
  );
}

/** The last point of a page of a metric's history. */
export type HistoryKey = readonly [step: number, time: string, value: number];

/** Points of one metric by (step, time, value), those behind `after`. Times of the key have microseconds. */
export function listPoints(
  q: Queryable,
  runId: string,
  key: string,
  after: HistoryKey | undefined,
  limit: number,
): Promise<(PointRow & { exactTime: string })[]> {
  const [step = null, time = null, value = null] = after ?? [];
  return q.query(
    `select key, value, step, time, to_char(time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "exactTime"
     from metric_points where run_id = $1 and key = $2
       and ($3::bigint is null or (step, time, value) > ($3, $4::timestamptz, $5::float8))
     order by step, time, value limit $6`,
    [runId, key, step, time, value === null ? null : String(value), limit],
  );
}
