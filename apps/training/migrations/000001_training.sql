-- Groups of runs.
create table experiments (
  workspace text not null,
  experiment_id text not null,
  description text not null default '',
  created_at timestamptz not null,
  primary key (workspace, experiment_id)
);

-- Attempts. `status` is the number of the contract's RunStatus.
create table runs (
  run_id text primary key,
  workspace text not null,
  experiment_id text not null,
  display_name text not null,
  status smallint not null,
  start_time timestamptz not null,
  end_time timestamptz,
  -- The training job that the run tracks; null for runs of the user's own.
  job_id text,
  foreign key (workspace, experiment_id) references experiments
);

create index runs_newest on runs (workspace, start_time desc, run_id desc);
create index runs_by_experiment on runs (workspace, experiment_id, start_time desc, run_id desc);

create table run_params (
  run_id text not null references runs on delete cascade,
  key text not null,
  value text not null,
  primary key (run_id, key)
);

create table run_tags (
  run_id text not null references runs on delete cascade,
  key text not null,
  value text not null,
  primary key (run_id, key)
);

create table run_artifacts (
  run_id text not null references runs on delete cascade,
  path text not null,
  digest text not null,
  size_bytes bigint not null,
  media_type text not null,
  primary key (run_id, path)
);

-- The newest value of each metric: the one of the largest (step, time, value), as in MLflow.
create table run_metrics (
  run_id text not null references runs on delete cascade,
  key text not null,
  value double precision not null,
  step bigint not null,
  time timestamptz not null,
  primary key (run_id, key)
);

-- Every point of every metric. A point without a time of the sender's own got the server's; such a point counts as sent
-- before when step and value are equal.
create table metric_points (
  run_id text not null references runs on delete cascade,
  key text not null,
  step bigint not null,
  time timestamptz not null,
  value double precision not null,
  is_time_given boolean not null
);

create unique index metric_points_timed on metric_points (run_id, key, step, time, value) where is_time_given;
create unique index metric_points_untimed on metric_points (run_id, key, step, value) where not is_time_given;

-- Trainings. How far one has come stands in `jobs` under the same id.
create table training_jobs (
  job_id text primary key,
  workspace text not null,
  -- The contract's TrainingSpec and TrainingResult in their JSON form.
  spec jsonb not null,
  result jsonb
);

create index training_jobs_newest on training_jobs (workspace, job_id desc);

-- Requests that created something, so that sending one again gives the same.
create table requests (
  workspace text not null,
  method text not null,
  request_id text not null,
  resource_id text not null,
  created_at timestamptz not null,
  primary key (workspace, method, request_id)
);
