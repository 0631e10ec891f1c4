import type { Queryable, Tx } from '@millrace/postgres';

/** Values of one entity to be written. */
export interface NewOnlineRow {
  readonly key: string;
  readonly eventMicros: bigint;
  readonly availableMicros: bigint;
  /** JSON array, see `encodeValues`. */
  readonly values: string;
}

/** Values of one entity as they stand. */
export interface OnlineRow {
  readonly eventMicros: number;
  /** Whether they were pushed, not computed. */
  readonly isPushed: boolean;
  readonly values: string;
}

/**
 * Writes values pushed by a caller: a row replaces one with an older event time, or with an equal one and an older available time. Each
 * key at most once. Gives how many were written.
 */
export async function pushOnline(tx: Tx, view: number, rows: readonly NewOnlineRow[]): Promise<number> {
  return await upsert(
    tx,
    view,
    rows,
    0,
    '(excluded.event_micros, excluded.available_micros) > (t.event_micros, t.available_micros)',
  );
}

/**
 * Writes values that were computed from a version of the view's dataset. As {@link pushOnline}; values of equal times are
 * replaced by those of the same or a later version, since a version may bring corrections.
 *
 * The rows go as arrays in one statement: for chunks of some thousand rows that is one round trip, where COPY into a
 * temporary table takes four and writes to the system catalogue.
 */
export async function materializeOnline(
  tx: Tx,
  view: number,
  rows: readonly NewOnlineRow[],
  datasetVersion: number,
): Promise<number> {
  return await upsert(
    tx,
    view,
    rows,
    datasetVersion,
    '(excluded.event_micros, excluded.available_micros, excluded.dataset_version) >= (t.event_micros, t.available_micros, t.dataset_version)',
  );
}

async function upsert(
  tx: Tx,
  view: number,
  rows: readonly NewOnlineRow[],
  datasetVersion: number,
  isNewer: string,
): Promise<number> {
  return await tx.execute(
    `insert into online_values as t (view, entity_key, event_micros, available_micros, dataset_version, feature_values)
     select $1, r.key, r.event, r.available, $2, r.text
     from unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[]) as r(key, event, available, text)
     on conflict (view, entity_key) do update set event_micros = excluded.event_micros,
       available_micros = excluded.available_micros, dataset_version = excluded.dataset_version,
       feature_values = excluded.feature_values
     where ${isNewer}`,
    [
      view,
      datasetVersion,
      rows.map((row) => row.key),
      rows.map((row) => row.eventMicros),
      rows.map((row) => row.availableMicros),
      rows.map((row) => row.values),
    ],
  );
}

/**
 * Empties what the boundary left behind: rows computed for an earlier boundary, or for this one from an earlier version, belong
 * to entities that are in no window any more. Pushed rows stay. Gives how many were written.
 */
export async function emptyOnline(
  tx: Tx,
  view: number,
  boundary: { micros: bigint; datasetVersion: number; emptyValues: string },
): Promise<number> {
  return await tx.execute(
    `update online_values set event_micros = $2, available_micros = $2, dataset_version = $3, feature_values = $4
     where view = $1 and (event_micros, dataset_version) < ($2, $3) and dataset_version > 0 and feature_values <> $4`,
    [view, boundary.micros, boundary.datasetVersion, boundary.emptyValues],
  );
}

/** Moves the newest boundary of a view forward, never back. */
export async function advanceMaterialized(tx: Tx, view: number, micros: bigint): Promise<void> {
  await tx.execute(
    'update feature_views set materialized_micros = greatest(materialized_micros, $2) where number = $1',
    [view, micros],
  );
}

/** Removes all values of a view. */
export async function clearOnlineView(tx: Tx, view: number): Promise<void> {
  await tx.execute('delete from online_values where view = $1', [view]);
  await tx.execute('update feature_views set materialized_micros = null where number = $1', [view]);
}

/** What {@link readOnline} answers. */
export interface OnlineAnswer {
  /** By place of the key in the question; undefined where there is no row. */
  readonly rows: readonly (OnlineRow | undefined)[];
  /** The newest boundary of each view that was asked for, by its number. */
  readonly materialized: ReadonlyMap<number, number | undefined>;
}

/** The values of some entities of some views, and where the views stand, as one snapshot in one round trip. */
export async function readOnline(
  q: Queryable,
  views: readonly number[],
  keys: readonly { readonly view: number; readonly key: string }[],
): Promise<OnlineAnswer> {
  const found = await q.query<{ place: number; event: number | null; version: number | null; text: string | null }>(
    `select r.n::int as place, o.event_micros as event, o.dataset_version as version, o.feature_values as text
     from unnest($1::bigint[], $2::text[]) with ordinality as r(view, key, n)
     join online_values o on o.view = r.view and o.entity_key = r.key
     union all
     select -1, v.materialized_micros, v.number, null from feature_views v where v.number = any($3::bigint[])`,
    [keys.map(({ view }) => view), keys.map(({ key }) => key), views],
  );
  const rows = new Array<OnlineRow | undefined>(keys.length).fill(undefined);
  const materialized = new Map<number, number | undefined>();
  for (const { place, event, version, text } of found) {
    if (place < 0) materialized.set(version!, event ?? undefined);
    else rows[place - 1] = { eventMicros: event!, isPushed: version === 0, values: text! };
  }
  return { rows, materialized };
}

/** Keeps a view's definition as it is until the end of the transaction, and gives its etag; undefined: it is gone. */
export async function lockView(tx: Tx, view: number): Promise<string | undefined> {
  const row = await tx.maybeOne<{ etag: string }>(
    'select etag from feature_views where number = $1 for no key update',
    [view],
  );
  return row?.etag;
}
