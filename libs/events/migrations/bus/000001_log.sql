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

-- Appends events in the order of the arrays; an id that is known already is left out. Appends are serialised: lock first,
-- positions after, so that positions are in the order of commits. A notification's payload is the subject, so that only
-- consumers that want it wake. Called from other schemas too, hence the fixed search path.
create function append_events(ids text[], subjects text[], resources text[], times timestamptz[], headers jsonb[], datas bytea[])
returns void language plpgsql set search_path from current as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' append', 0));
  insert into log (id, subject, resource, time, headers, data)
  select e.id, e.subject, e.resource, e.time, e.headers, e.data
  from unnest(ids, subjects, resources, times, append_events.headers, datas)
    with ordinality e (id, subject, resource, time, headers, data, ordinal)
  order by e.ordinal
  on conflict (id) do nothing;
  perform pg_notify(current_schema() || '_log', subject) from (select distinct unnest(subjects) subject) s;
end $$;

-- The next events after a position whose subject matches, in order: at most events_max, and at most bytes_max of data (the
-- first one is given whatever its size). `total` counts those within events_max, `head` is the end of the log; there is
-- one row without an event when none matches. A function, so that its plan is made once per session.
create function read_log(after bigint, regexes text[], events_max integer, bytes_max bigint)
returns table (head bigint, total bigint, "position" bigint, id text, subject text, resource text, "time" timestamptz,
  headers jsonb, data bytea)
language plpgsql stable as $$
#variable_conflict use_column
begin
  return query
  with ending as (select coalesce(max(l.position), 0) head from log l),
  next as (
    select l.position, l.id, l.subject, l.resource, l.time, l.headers, l.data from log l
    where l.position > after and l.subject ~ any(regexes) order by l.position limit events_max
  ),
  measured as (
    select next.*, sum(octet_length(next.data)) over (order by next.position) bytes,
      row_number() over (order by next.position) n, count(*) over () total
    from next
  )
  select e.head, m.total, m.position, m.id, m.subject, m.resource, m.time, m.headers, m.data
  from ending e left join measured m on m.n = 1 or m.bytes <= bytes_max order by m.position;
end $$;
