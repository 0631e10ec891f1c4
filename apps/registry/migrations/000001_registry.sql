-- Models, their immutable versions, aliases, promotions and history.
-- `document` columns hold the JSON form of the contract's message; what is searched or constrained has its own column.

create table registered_models (
  name text primary key,
  workspace text not null,
  description text not null default '',
  latest_number integer not null default 0,
  etag text not null,
  created_at timestamptz not null
);
create index registered_models_by_workspace on registered_models (workspace, name);

create table model_versions (
  name text primary key,
  model text not null references registered_models (name) on delete cascade,
  number integer not null check (number > 0),
  training_job text not null,
  document jsonb not null,
  created_at timestamptz not null,
  unique (model, number),
  -- Registering the same training job again gives the same version.
  unique (model, training_job)
);

create table aliases (
  model text not null references registered_models (name) on delete cascade,
  alias text not null,
  version text not null references model_versions (name),
  updated_at timestamptz not null,
  primary key (model, alias)
);

create table promotions (
  id text primary key,
  model text not null references registered_models (name) on delete cascade,
  request_id text,
  document jsonb not null,
  created_at timestamptz not null,
  unique (model, request_id)
);
create index promotions_by_model on promotions (model, id desc);

create table history (
  id bigint generated always as identity primary key,
  model text not null references registered_models (name) on delete cascade,
  kind text not null,
  version text not null,
  alias text not null default '',
  actor text not null default '',
  comment text not null default '',
  happened_at timestamptz not null
);
create index history_by_model on history (model, id desc);
