-- Endpoints, their deployments and the files of the prediction log.

create table endpoints (
  name text primary key,
  workspace text not null,
  description text not null default '',
  registered_model text not null,
  alias text not null,
  queue_max integer not null,
  rows_max integer not null,
  log_predictions boolean not null,
  request_id text,
  etag text not null,
  created_at timestamptz not null,
  -- The number of the newest file of the prediction log.
  log_sequence bigint not null default 0,
  unique (workspace, request_id)
);
create index endpoints_by_alias on endpoints (registered_model, alias);

create table deployments (
  -- Also the id of the job.
  id text primary key,
  endpoint text not null references endpoints (name) on delete cascade,
  model_version text not null,
  request_id text,
  is_active boolean not null default false,
  active_at timestamptz,
  retired_at timestamptz,
  -- What was verified, so that a restart needs nobody else: model version, key and feature service as JSON.
  source jsonb,
  created_at timestamptz not null,
  unique (endpoint, request_id)
);
create unique index deployments_one_active on deployments (endpoint) where is_active;
create index deployments_by_endpoint on deployments (endpoint, id desc);

create table prediction_log_files (
  endpoint text not null references endpoints (name) on delete cascade,
  sequence bigint not null,
  digest text not null,
  size_bytes bigint not null,
  row_count bigint not null,
  start_at timestamptz not null,
  end_at timestamptz not null,
  rows_by_version jsonb not null,
  created_at timestamptz not null,
  primary key (endpoint, sequence),
  -- A file is noted once, however often its commit is tried.
  unique (endpoint, digest)
);
