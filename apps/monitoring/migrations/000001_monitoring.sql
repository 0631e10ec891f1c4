-- Monitors, the truth about predictions, an index of prediction log files, window reports and alerts.
-- `document` columns hold the JSON form of the contract's message; what is searched or constrained has its own column.

create table monitors (
  name text primary key,
  workspace text not null,
  endpoint text not null,
  request_id text,
  -- Grows with each change; the etag is made of it.
  revision integer not null default 1,
  document jsonb not null,
  etag text not null,
  created_at timestamptz not null,
  unique (workspace, request_id)
);
create index monitors_by_workspace on monitors (workspace, name);

create table monitor_runs (
  id text primary key,
  workspace text not null,
  monitor text not null references monitors (name) on delete cascade,
  endpoint text not null,
  window_start timestamptz not null,
  window_end timestamptz not null,
  request_id text,
  -- Whether this is the newest judging of its window.
  is_current boolean not null default false,
  -- `MonitorRun` with reports and alerts; null until the window was judged.
  document jsonb,
  created_at timestamptz not null,
  check (window_start < window_end),
  unique (workspace, request_id)
);
create index monitor_runs_by_workspace on monitor_runs (workspace, id);
create index monitor_runs_by_monitor on monitor_runs (monitor, id);
create unique index monitor_runs_current on monitor_runs (monitor, window_end, window_start) where is_current;

-- Which windows had a verdict: an older window, judged late, leaves the alerts of newer ones alone.
create table judgements (
  monitor text not null references monitors (name) on delete cascade,
  kind text not null check (kind in ('DRIFT', 'PERFORMANCE')),
  model_version text not null,
  window_start timestamptz not null,
  window_end timestamptz not null,
  primary key (monitor, kind, model_version, window_end, window_start)
);

-- Alerts outlive their monitor.
create table alerts (
  id text primary key,
  workspace text not null,
  monitor text not null,
  endpoint text not null,
  model_version text not null,
  kind text not null check (kind in ('DRIFT', 'PERFORMANCE')),
  state text not null check (state in ('OPEN', 'ACKNOWLEDGED', 'RESOLVED')),
  message text not null,
  figures jsonb not null,
  monitor_run text not null,
  window_start timestamptz not null,
  window_end timestamptz not null,
  -- End of the newest window that was out of bounds.
  last_window_end timestamptz not null,
  created_at timestamptz not null,
  resolved_at timestamptz,
  acknowledged_by text not null default ''
);
create unique index alerts_one_open on alerts (monitor, kind, model_version) where state <> 'RESOLVED';
create index alerts_by_workspace on alerts (workspace, id);

create table ground_truth (
  endpoint text not null,
  prediction_id text not null,
  label double precision not null,
  available_time timestamptz not null,
  primary key (endpoint, prediction_id)
);

create table log_files (
  endpoint text not null,
  digest text not null,
  rows bigint not null,
  -- Smallest and greatest event time, both inclusive.
  start_time timestamptz not null,
  end_time timestamptz not null,
  rows_by_version jsonb not null,
  sequence bigint not null,
  primary key (endpoint, digest)
);
create index log_files_by_time on log_files (endpoint, end_time, start_time);
