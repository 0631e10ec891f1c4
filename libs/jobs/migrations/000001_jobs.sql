-- Long work of this service. States: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED.
create table jobs (
  id text primary key,
  kind text not null,
  -- The run resource that the job works for.
  resource text not null,
  payload jsonb not null,
  state text not null default 'PENDING' check (state in ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  -- Runs that count; a run that was handed back at shutdown does not.
  attempt integer not null default 0,
  max_attempts integer not null check (max_attempts >= 1),
  -- Grows with each claim; a worker whose number is not this one any more cannot write.
  fence bigint not null default 0,
  run_at timestamptz not null default now(),
  -- Time from the first claim to the end, all attempts together.
  deadline_ms integer,
  lease_until timestamptz,
  worker text,
  cancel_requested_at timestamptz,
  progress jsonb,
  checkpoint jsonb,
  error jsonb,
  headers jsonb not null default '{}',
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz not null default now()
);
create index jobs_pending on jobs (kind, run_at) where state = 'PENDING';
create index jobs_running on jobs (kind, lease_until) where state = 'RUNNING';
create index jobs_resource on jobs (resource);

-- Wakes runners and watchers at the commit. Payloads: `pending <kind>`, `cancel <id>`, `changed <id>`.
create function jobs_notify() returns trigger language plpgsql as $$
declare
  channel constant text := tg_table_schema || '_jobs';
begin
  perform pg_notify(channel, 'changed ' || new.id);
  if new.state = 'PENDING' then
    perform pg_notify(channel, 'pending ' || new.kind);
  elsif new.state = 'RUNNING' and new.cancel_requested_at is not null and old.cancel_requested_at is null then
    perform pg_notify(channel, 'cancel ' || new.id);
  end if;
  return null;
end $$;
create trigger jobs_inserted after insert on jobs for each row execute function jobs_notify();
create trigger jobs_changed after update of state, progress, cancel_requested_at on jobs
  for each row execute function jobs_notify();
