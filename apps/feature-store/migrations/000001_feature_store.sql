-- Entities, feature views and feature services: the definitions as canonical JSON of their messages, without what the service computes.
create table entities (
  workspace text not null,
  id text not null,
  definition jsonb not null,
  etag text not null,
  create_time timestamptz not null,
  update_time timestamptz not null,
  primary key (workspace, id)
);

create table feature_views (
  workspace text not null,
  id text not null,
  -- Short name of the view in online_values.
  number bigint generated always as identity unique,
  definition jsonb not null,
  -- Types of the features by name, once the columns of the dataset are known.
  types jsonb,
  -- The newest boundary in the online store, microseconds since 1970-01-01T00:00:00Z.
  materialized_micros bigint,
  etag text not null,
  create_time timestamptz not null,
  update_time timestamptz not null,
  primary key (workspace, id)
);

create table feature_services (
  workspace text not null,
  id text not null,
  definition jsonb not null,
  etag text not null,
  create_time timestamptz not null,
  update_time timestamptz not null,
  primary key (workspace, id)
);

create table training_sets (
  workspace text not null,
  id text not null,
  request_id text,
  spec jsonb not null,
  -- Everything the job needs, pinned at creation: definitions, versions, columns.
  plan jsonb not null,
  -- TableRef and BlobRef, once the job has succeeded.
  table_ref jsonb,
  profile jsonb,
  create_time timestamptz not null,
  primary key (workspace, id)
);
create unique index training_sets_request on training_sets (workspace, request_id) where request_id is not null;

create table materializations (
  workspace text not null,
  id text not null,
  request_id text,
  feature_views text[] not null,
  as_of_micros bigint not null,
  -- Names of the versions of the views' datasets, pinned at creation, by view.
  versions jsonb not null,
  written_rows bigint not null default 0,
  stale_rows bigint not null default 0,
  create_time timestamptz not null,
  primary key (workspace, id)
);
create unique index materializations_request on materializations (workspace, request_id) where request_id is not null;

-- The online store: the newest values of each entity. No foreign key to feature_views, whose check would cost more than
-- the insert; deleting a view deletes its rows.
create table online_values (
  view bigint not null,
  -- JSON array of the keys as text.
  entity_key text not null,
  -- When the values became valid: the refresh boundary, or what was pushed. Microseconds since 1970-01-01T00:00:00Z.
  event_micros bigint not null,
  available_micros bigint not null,
  -- Number of the dataset version that they were computed from; 0 for pushed ones.
  dataset_version bigint not null,
  -- JSON array of the values in the order of the view's features.
  feature_values text not null,
  primary key (view, entity_key)
) with (fillfactor = 70);
