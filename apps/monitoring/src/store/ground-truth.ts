import type { Queryable } from '@millrace/postgres';

/** Labels of one call, by column. */
export interface TruthColumns {
  readonly predictionIds: readonly string[];
  readonly labels: readonly number[];
  /** Microseconds since 1970-01-01T00:00:00Z. */
  readonly availableMicros: readonly number[];
}

/**
 * Keeps labels in one statement and gives how many were new or newer. Of several labels of a prediction the one with the
 * newest `available_time` counts; at the same time the first one that came. Rows are locked in the order of their keys,
 * so that calls at the same time cannot wait for each other in a circle.
 */
export function upsertGroundTruth(db: Queryable, endpoint: string, truth: TruthColumns): Promise<number> {
  return db.execute(
    `insert into ground_truth (endpoint, prediction_id, label, available_time)
     select distinct on (u.id) $1, u.id, u.label, 'epoch'::timestamptz + u.micros * interval '1 microsecond'
     from unnest($2::text[], $3::float8[], $4::bigint[]) with ordinality as u(id, label, micros, position)
     order by u.id, u.micros desc, u.position
     on conflict (endpoint, prediction_id) do update
     set label = excluded.label, available_time = excluded.available_time
     where excluded.available_time > ground_truth.available_time`,
    [endpoint, truth.predictionIds, truth.labels, truth.availableMicros],
  );
}

/**
 * The labels of predictions in the order of the ids, NaN where the truth is not known. They come as one text, which costs
 * the event loop a tenth of as many rows.
 */
export async function findLabels(db: Queryable, endpoint: string, ids: readonly string[]): Promise<Float64Array> {
  if (ids.length === 0) return new Float64Array(0);
  const { labels } = await db.one<{ labels: string }>(
    `select string_agg(coalesce(t.label::text, ''), ',' order by u.position) as labels
     from unnest($2::text[]) with ordinality as u(id, position)
     left join ground_truth t on t.endpoint = $1 and t.prediction_id = u.id`,
    [endpoint, ids],
  );
  return Float64Array.from(labels.split(','), (label) => (label === '' ? Number.NaN : Number(label)));
}
