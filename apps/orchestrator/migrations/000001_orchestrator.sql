-- Pipelines as they were applied last.
create table pipelines (
  name text primary key,
  workspace text not null,
  -- The Pipeline message in its JSON form.
  definition jsonb not null,
  -- The text it was read from, for people.
  yaml text not null,
  etag text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index pipelines_workspace on pipelines (workspace, name);

-- States: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED.
create table pipeline_runs (
  name text primary key,
  workspace text not null,
  pipeline text not null,
  -- Order of creation; runs of a pipeline start in this order.
  sequence bigint generated always as identity,
  definition jsonb not null,
  parameters jsonb not null,
  cause text not null,
  cause_detail text not null,
  request_id text not null,
  state text not null default 'PENDING' check (state in ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  -- Starts: 1 at first, one more with each retry of the run.
  attempt integer not null default 0,
  is_cancel_requested boolean not null default false,
  failure jsonb,
  trace_id text not null,
  -- The W3C trace context under which everything the run does is found.
  headers jsonb not null,
  revision bigint not null default 1,
  created_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz
);
create unique index pipeline_runs_request on pipeline_runs (workspace, request_id) where request_id <> '';
-- A tick and an event begin a run once.
create unique index pipeline_runs_cause on pipeline_runs (pipeline, cause, cause_detail)
  where cause like 'schedule:%' or cause like 'trigger:%';
create index pipeline_runs_workspace on pipeline_runs (workspace, sequence desc);
create index pipeline_runs_pipeline on pipeline_runs (pipeline, sequence desc);
create index pipeline_runs_open on pipeline_runs (pipeline, sequence) where state in ('PENDING', 'RUNNING');

-- Wakes watchers at the commit; the payload is the run's name.
create function pipeline_runs_notify() returns trigger language plpgsql as $$
begin
  perform pg_notify(tg_table_schema || '_runs', new.name);
  return null;
end $$;
create trigger pipeline_runs_changed after insert or update of revision on pipeline_runs
  for each row execute function pipeline_runs_notify();

-- States: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED, SKIPPED, UNCHANGED.
create table step_runs (
  run text not null references pipeline_runs on delete cascade,
  step text not null,
  -- Place in an order in which the steps could run.
  position integer not null,
  action text not null,
  state text not null default 'PENDING'
    check (state in ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED', 'UNCHANGED')),
  -- Of SKIPPED: `condition` (it, or one before it, did not hold) or `failure` (one before it did not end well).
  skip_reason text not null default '',
  outputs jsonb not null default '{}',
  resource text not null default '',
  -- Number of the job that works for it, part of the request id of its call; grows with each attempt and retry.
  generation integer not null default 0,
  attempt integer not null default 0,
  fraction double precision not null default 0,
  rows bigint not null default 0,
  message text not null default '',
  -- All attempts together must have ended by this time.
  deadline timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  failure jsonb,
  dependencies text[] not null,
  unchanged_since text not null default '',
  primary key (run, step)
);

-- The last success of each step of a pipeline: what an unchanged step gives again.
create table step_successes (
  pipeline text not null,
  step text not null,
  -- Of the resolved definition and what it depends on.
  digest text not null,
  run text not null,
  outputs jsonb not null,
  resource text not null,
  rows bigint not null,
  primary key (pipeline, step)
);

-- Cron schedules that are not paused.
create table cron_schedules (
  pipeline text not null references pipelines on delete cascade,
  schedule text not null,
  cron text not null,
  time_zone text not null,
  next_at timestamptz not null,
  primary key (pipeline, schedule)
);
create index cron_schedules_due on cron_schedules (next_at);

-- Calendar schedules that are not paused.
create table calendar_schedules (
  pipeline text not null references pipelines on delete cascade,
  schedule text not null,
  workspace text not null,
  calendar text not null,
  every_ms bigint not null check (every_ms > 0),
  primary key (pipeline, schedule)
);
create index calendar_schedules_calendar on calendar_schedules (workspace, calendar);

-- How far each calendar of the data has come.
create table calendars (
  workspace text not null,
  calendar text not null,
  time timestamptz not null,
  -- The runs that the last advance began, for the answer to its repetition.
  last_runs text[] not null,
  primary key (workspace, calendar)
);

create table triggers (
  pipeline text not null references pipelines on delete cascade,
  trigger text not null,
  workspace text not null,
  subject text not null,
  -- Events that were emitted before do not count.
  created_at timestamptz not null,
  -- When it began a run last, for its cooldown.
  last_run_at timestamptz,
  primary key (pipeline, trigger)
);
create index triggers_subject on triggers (subject);
