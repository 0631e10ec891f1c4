-- Sources, datasets, their versions, loads and dead letters.

create table requests (
  parent text not null,
  method text not null,
  request_id text not null,
  resource text not null,
  primary key (parent, method, request_id)
);
comment on table requests is 'What a create with a request_id made, so that sending it again changes nothing more.';

create table sources (
  name text primary key,
  workspace text not null,
  body jsonb not null,
  etag text not null,
  create_time timestamptz not null,
  update_time timestamptz not null
);
comment on column sources.body is 'millrace.ingestion.v1.Source as JSON: description and location.';
create index sources_by_workspace on sources (workspace, name);

create table datasets (
  name text primary key,
  workspace text not null,
  description text not null,
  primary_key text[] not null,
  columns_mode int not null,
  types_mode int not null,
  published_version int,
  latest_version int,
  etag text not null,
  create_time timestamptz not null,
  update_time timestamptz not null
);
create index datasets_by_workspace on datasets (workspace, name);

create table version_counters (
  dataset text primary key,
  last_version int not null
);
comment on table version_counters is 'The highest version number ever given out; outlives the dataset, since numbers are never used again.';

create table dataset_versions (
  dataset text not null references datasets (name) on delete cascade,
  version int not null,
  state int not null,
  table_ref jsonb not null,
  parent int,
  ingestion_run text not null unique,
  write_disposition int not null,
  loaded_rows int8 not null,
  quarantined_rows int8 not null,
  quarantined_by_rule jsonb not null,
  cursor_text text not null,
  cursors jsonb not null,
  added_files text[] not null,
  validation_run text not null default '',
  rejection text not null default '',
  create_time timestamptz not null,
  settle_time timestamptz,
  primary key (dataset, version)
);
comment on column dataset_versions.table_ref is 'millrace.common.v1.TableRef as JSON: the candidate''s, later what readers see.';
comment on column dataset_versions.cursors is 'Where the next load starts, by cursor column: {column: {value, isExclusive}}.';
create unique index one_candidate on dataset_versions (dataset) where state = 1;
create index published_versions on dataset_versions (dataset, settle_time desc) where state = 2;

create table ingestion_runs (
  name text primary key,
  workspace text not null,
  job_id text not null,
  dataset text not null,
  spec jsonb not null,
  is_finished boolean not null default false,
  dataset_version int,
  read_rows int8 not null default 0,
  quarantined_rows int8 not null default 0,
  discarded_rows int8 not null default 0,
  written_bytes int8 not null default 0,
  create_time timestamptz not null
);
create index runs_by_workspace on ingestion_runs (workspace, name desc);
create index runs_by_dataset on ingestion_runs (dataset, name desc);

create table dead_letter_batches (
  dataset text not null,
  version int not null,
  stage text not null check (stage in ('l', 'v')),
  digest text not null,
  size_bytes int8 not null,
  rows int8 not null,
  count_by_rule jsonb not null,
  primary key (dataset, version, stage),
  foreign key (dataset, version) references dataset_versions (dataset, version) on delete cascade
);
comment on column dead_letter_batches.stage is 'l: put aside by the load, v: by validation. Letter ids are <stage><version>-<row from 1>.';

create table dead_letter_replays (
  dataset text not null,
  version int not null,
  stage text not null,
  row int8 not null,
  replayed_version int not null,
  primary key (dataset, version, stage, row, replayed_version),
  foreign key (dataset, version, stage) references dead_letter_batches (dataset, version, stage) on delete cascade
);
comment on table dead_letter_replays is 'Which version brought a dead letter back; it counts once that version is published.';
