import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Entity, FeatureService, FeatureView } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import {
  EntitySchema,
  FeatureServiceSchema,
  FeatureViewSchema,
} from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type { FeatureType } from '@millrace/features';
import { names } from '@millrace/kernel';
import type { Queryable, Tx } from '@millrace/postgres';
import { timestampOf } from '../domain/times.ts';
import { dataTypeOf } from '../types.ts';

/** A view as stored, with what the service knows about it. */
export interface StoredView {
  readonly id: string;
  /** Its short name in the online store. */
  readonly number: number;
  /** With the output fields filled. */
  readonly view: FeatureView;
  /** By feature name; undefined while the dataset's columns are not known. */
  readonly types: Readonly<Record<string, FeatureType>> | undefined;
  readonly materializedMicros: number | undefined;
}

interface ViewRow {
  readonly id: string;
  readonly number: number;
  readonly definition: JsonValue;
  readonly types: Record<string, FeatureType> | null;
  readonly materialized_micros: number | null;
  readonly etag: string;
  readonly create_time: Date;
  readonly update_time: Date;
}

interface PlainRow {
  readonly id: string;
  readonly definition: JsonValue;
  readonly etag: string;
}

/** A page by id: those after `after`. */
export interface Page {
  readonly after: string;
  readonly limit: number;
}

const VIEW_COLUMNS = 'id, number, definition, types, materialized_micros, etag, create_time, update_time';

/** The views of these ids that exist; all views of the workspace without `ids`. */
export async function findViews(q: Queryable, workspace: string, ids?: readonly string[]): Promise<StoredView[]> {
  const rows = await q.query<ViewRow>(
    `select ${VIEW_COLUMNS} from feature_views where workspace = $1 and ($2::text[] is null or id = any($2)) order by id`,
    [workspace, ids ?? null],
  );
  return rows.map((row) => toView(workspace, row));
}

/** A page of views, by id. */
export async function listViews(q: Queryable, workspace: string, page: Page): Promise<StoredView[]> {
  const rows = await q.query<ViewRow>(
    `select ${VIEW_COLUMNS} from feature_views where workspace = $1 and id > $2 order by id limit $3`,
    [workspace, page.after, page.limit],
  );
  return rows.map((row) => toView(workspace, row));
}

function toView(workspace: string, row: ViewRow): StoredView {
  const view = fromJson(FeatureViewSchema, row.definition, { ignoreUnknownFields: true });
  view.name = names.featureView.format({ workspace, featureView: row.id });
  view.etag = row.etag;
  view.createTime = timestampFromDate(row.create_time);
  view.updateTime = timestampFromDate(row.update_time);
  if (row.materialized_micros !== null)
    view.materializedTime = {
      $typeName: 'google.protobuf.Timestamp',
      ...timestampOf(BigInt(row.materialized_micros)),
    };
  for (const feature of view.features) {
    const type = row.types?.[feature.name];
    if (type) feature.type = dataTypeOf(type);
  }
  return {
    id: row.id,
    number: row.number,
    view,
    types: row.types ?? undefined,
    materializedMicros: row.materialized_micros ?? undefined,
  };
}

/** Creates or changes a view; its row in the online store's terms stays the same. */
export async function saveView(
  tx: Tx,
  workspace: string,
  id: string,
  saved: { view: FeatureView; types: Readonly<Record<string, FeatureType>> | undefined; etag: string; now: Date },
): Promise<void> {
  await tx.execute(
    `insert into feature_views (workspace, id, definition, types, etag, create_time, update_time)
     values ($1, $2, $3, $4, $5, $6, $6)
     on conflict (workspace, id) do update set definition = excluded.definition, types = excluded.types,
       etag = excluded.etag, update_time = excluded.update_time`,
    [workspace, id, toJson(FeatureViewSchema, saved.view), saved.types ?? null, saved.etag, saved.now],
  );
}

/** Notes the types of a view's features; its etag stays, since its definition does. */
export async function saveViewTypes(
  q: Queryable,
  number: number,
  types: Readonly<Record<string, FeatureType>>,
): Promise<void> {
  await q.execute('update feature_views set types = $2 where number = $1', [number, types]);
}

/** Entities of these ids that exist; all of the workspace without `ids`. */
export async function findEntities(q: Queryable, workspace: string, ids?: readonly string[]): Promise<Entity[]> {
  const rows = await q.query<PlainRow>(
    'select id, definition, etag from entities where workspace = $1 and ($2::text[] is null or id = any($2)) order by id',
    [workspace, ids ?? null],
  );
  return rows.map((row) => toEntity(workspace, row));
}

/** A page of entities, by id. */
export async function listEntities(q: Queryable, workspace: string, page: Page): Promise<Entity[]> {
  const rows = await q.query<PlainRow>(
    'select id, definition, etag from entities where workspace = $1 and id > $2 order by id limit $3',
    [workspace, page.after, page.limit],
  );
  return rows.map((row) => toEntity(workspace, row));
}

function toEntity(workspace: string, row: PlainRow): Entity {
  const entity = fromJson(EntitySchema, row.definition, { ignoreUnknownFields: true });
  entity.name = names.entity.format({ workspace, entity: row.id });
  entity.etag = row.etag;
  return entity;
}

/** Services of these ids that exist; all of the workspace without `ids`. Their columns are not filled. */
export async function findServices(
  q: Queryable,
  workspace: string,
  ids?: readonly string[],
): Promise<FeatureService[]> {
  const rows = await q.query<PlainRow>(
    'select id, definition, etag from feature_services where workspace = $1 and ($2::text[] is null or id = any($2)) order by id',
    [workspace, ids ?? null],
  );
  return rows.map((row) => toService(workspace, row));
}

/** A page of services, by id. Their columns are not filled. */
export async function listServices(q: Queryable, workspace: string, page: Page): Promise<FeatureService[]> {
  const rows = await q.query<PlainRow>(
    'select id, definition, etag from feature_services where workspace = $1 and id > $2 order by id limit $3',
    [workspace, page.after, page.limit],
  );
  return rows.map((row) => toService(workspace, row));
}

function toService(workspace: string, row: PlainRow): FeatureService {
  const service = fromJson(FeatureServiceSchema, row.definition, { ignoreUnknownFields: true });
  service.name = names.featureService.format({ workspace, featureService: row.id });
  service.etag = row.etag;
  return service;
}

/** The tables whose rows are nothing but a definition. */
export type PlainTable = 'entities' | 'feature_services';

/** Creates or changes an entity or a service. */
export async function saveDefinition(
  tx: Tx,
  table: PlainTable,
  workspace: string,
  saved: { id: string; definition: JsonValue; etag: string; now: Date },
): Promise<void> {
  await tx.execute(
    `insert into ${table} (workspace, id, definition, etag, create_time, update_time) values ($1, $2, $3, $4, $5, $5)
     on conflict (workspace, id) do update set definition = excluded.definition, etag = excluded.etag,
       update_time = excluded.update_time`,
    [workspace, saved.id, saved.definition, saved.etag, saved.now],
  );
}

/** Deletes a row; the number of rows that there were. */
export async function deleteDefinition(
  tx: Tx,
  table: PlainTable | 'feature_views',
  workspace: string,
  id: string,
): Promise<number> {
  return await tx.execute(`delete from ${table} where workspace = $1 and id = $2`, [workspace, id]);
}

/** Serializes changes of the definitions of a workspace until the end of the transaction. */
export async function lockCatalog(tx: Tx, workspace: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 1))', [`feature_store catalog ${workspace}`]);
}

/** A feature that a search found. */
export interface FoundFeature {
  readonly view: StoredView;
  /** Place of the feature in its view, from 0. */
  readonly ordinal: number;
}

/**
 * Features in whose name or description, or in their view's, every word occurs (ignoring case); by view and place, after
 * the given one.
 */
export async function searchFeatures(
  q: Queryable,
  workspace: string,
  words: readonly string[],
  after: { id: string; ordinal: number },
  limit: number,
): Promise<FoundFeature[]> {
  const rows = await q.query<ViewRow & { ordinal: number }>(
    `select ${VIEW_COLUMNS.split(', ')
      .map((column) => `v.${column}`)
      .join(', ')}, (f.place - 1)::int as ordinal
     from feature_views v, jsonb_array_elements(v.definition->'features') with ordinality as f(feature, place)
     where v.workspace = $1 and (v.id, f.place - 1) > ($2, $3)
       and not exists (
         select 1 from unnest($4::text[]) as w(word)
         where position(w.word in lower(concat_ws(' ', v.id, v.definition->>'description', f.feature->>'name', f.feature->>'description'))) = 0)
     order by v.id, f.place limit $5`,
    [workspace, after.id, after.ordinal, words, limit],
  );
  return rows.map((row) => ({ view: toView(workspace, row), ordinal: row.ordinal }));
}
