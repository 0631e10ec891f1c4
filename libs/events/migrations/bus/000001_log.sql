-- The event log of the postgres bus, shared by all services.
create table log (
  -- Given while the append lock is held until the commit: whoever sees a position sees all lower ones.
  position bigint generated always as identity primary key,
  id text not null unique,
  subject text not null,
  resource text not null,
  time timestamptz not null,
  appended_at timestamptz not null default now(),
  headers jsonb not null,
  data bytea not null
);
create index log_appended_at on log (appended_at);

-- Tells a relay whether its service's database is this one.
create table bus_identity (id uuid primary key);
insert into bus_identity values (gen_random_uuid());

-- A durable consumer. Every event up to `position` that it wants is handled or parked.
create table consumer (
  name text primary key,
  position bigint not null,
  subject_regexes text[] not null,
  updated_at timestamptz not null default now()
);

-- An event whose handler has failed and that will be tried again.
create table failure (
  consumer text not null references consumer (name) on delete cascade,
  event_id text not null,
  attempt integer not null,
  next_time timestamptz not null,
  error jsonb not null,
  primary key (consumer, event_id)
);

-- An event whose handler has failed for good, with all that a replay needs, since the log is trimmed.
create table parked (
  consumer text not null references consumer (name) on delete cascade,
  event_id text not null,
  position bigint not null,
  subject text not null,
  resource text not null,
  time timestamptz not null,
  headers jsonb not null,
  data bytea not null,
  attempt integer not null,
  error jsonb not null,
  parked_at timestamptz not null default now(),
  replay_requested_at timestamptz,
  primary key (consumer, event_id)
);

-- Appends are serialised: lock first, positions after, so that positions are in the order of commits. The notification's
-- payload is the subject, so that only consumers that want it wake.
create function lock_log() returns void language sql as $$
  select pg_advisory_xact_lock(hashtextextended(current_schema() || ' append', 0))
$$;

-- Moves the oldest rows of a service's outbox in this database into the log, in order, and tells how many.
-- The commit does not wait for the disk: should it be lost, the rows are back in the outbox, together with everything
-- that was done later, because all of it is in one write-ahead log. The service's own commit did wait.
create function move_outbox(service_schema text, batch integer) returns integer language plpgsql as $$
declare
  moved integer;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform lock_log();
  execute format(
    'with moved as (
       delete from %1$I.outbox where sequence in (select sequence from %1$I.outbox order by sequence limit $1)
       returning sequence, id, subject, resource, time, headers, data
     ), appended as (
       insert into log (id, subject, resource, time, headers, data)
       select id, subject, resource, time, headers, data from moved order by sequence
       on conflict (id) do nothing
     ), woken as materialized (
       select pg_notify(current_schema() || ''_log'', subject) from (select distinct subject from moved) subjects
     )
     select (select count(*) from moved) + 0 * (select count(*) from woken)', service_schema)
  into moved using batch;
  return moved;
end $$;

-- Appends events that come from another database, in the order of the arrays; an id that is known already is left out.
create function append_events(ids text[], subjects text[], resources text[], times timestamptz[], headers jsonb[], datas bytea[])
returns integer language plpgsql as $$
declare
  appended integer;
begin
  perform lock_log();
  insert into log (id, subject, resource, time, headers, data)
  select e.id, e.subject, e.resource, e.time, e.headers, e.data
  from unnest(ids, subjects, resources, times, append_events.headers, datas)
    with ordinality e (id, subject, resource, time, headers, data, ordinal)
  order by e.ordinal
  on conflict (id) do nothing;
  get diagnostics appended = row_count;
  perform pg_notify(current_schema() || '_log', subject) from (select distinct unnest(subjects) subject) s;
  return appended;
end $$;
