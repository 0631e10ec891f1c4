-- Data contracts, validation runs and the profiles of dataset versions.
-- `document` columns hold the JSON form of the contract's message.

create table data_contracts (
  name text primary key,
  workspace text not null,
  document jsonb not null,
  etag text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index data_contracts_by_workspace on data_contracts (workspace, name);

create table validation_runs (
  name text primary key,
  workspace text not null,
  id text not null,
  dataset text not null,
  request_id text,
  document jsonb not null,
  unique (workspace, id),
  unique (workspace, request_id)
);
create index validation_runs_by_dataset on validation_runs (workspace, dataset, id desc);

-- What a version holds: of all of its rows, and of those that it added.
create table profiles (
  dataset_version text primary key,
  dataset text not null,
  digest text not null,
  size_bytes bigint not null,
  added_digest text not null,
  added_rows bigint not null,
  row_count bigint not null,
  created_at timestamptz not null
);
