-- Applied into each service's schema. Written by emit_event() only; emptied by the service's relay.
create table outbox (
  -- Taken while the resource's advisory lock is held until the commit: for one resource it is the order of commits.
  sequence bigint generated always as identity primary key,
  id text not null unique,
  subject text not null,
  resource text not null,
  time timestamptz not null,
  headers jsonb not null,
  data bytea not null
);

-- One round trip: waits for other open transactions that emit for the same resource, writes, and wakes the relay at the
-- commit. Channels are shared by all schemas of a database, hence the schema in the name.
create function emit_event(id text, subject text, resource text, at timestamptz, headers jsonb, data bytea)
returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' event ' || emit_event.resource, 0));
  insert into outbox (id, subject, resource, time, headers, data)
  values (emit_event.id, emit_event.subject, emit_event.resource, emit_event.at, emit_event.headers, emit_event.data);
  perform pg_notify(current_schema() || '_outbox', '');
end $$;

-- Moves the oldest rows to the log of a bus in this database, in order, and tells how many. The commit does not wait for
-- the disk: should it be lost, the rows are back here, together with everything that was done later, because all of it is
-- in one write-ahead log. The commit that emitted them did wait.
create function relay_outbox(bus_schema text, batch integer) returns integer language plpgsql as $$
declare
  ids text[];
  subjects text[];
  resources text[];
  times timestamptz[];
  headers jsonb[];
  datas bytea[];
begin
  perform set_config('synchronous_commit', 'off', true);
  with moved as (
    delete from outbox o where o.sequence in (select i.sequence from outbox i order by i.sequence limit batch)
    returning o.sequence, o.id, o.subject, o.resource, o.time, o.headers, o.data
  )
  select array_agg(m.id order by m.sequence), array_agg(m.subject order by m.sequence),
    array_agg(m.resource order by m.sequence), array_agg(m.time order by m.sequence),
    array_agg(m.headers order by m.sequence), array_agg(m.data order by m.sequence)
  into ids, subjects, resources, times, headers, datas from moved m;
  if ids is null then
    return 0;
  end if;
  execute format('select %I.append_events($1, $2, $3, $4, $5, $6)', bus_schema)
  using ids, subjects, resources, times, headers, datas;
  return cardinality(ids);
end $$;

-- What the consumers of this service have done: a row commits together with the effect of its event.
create table inbox (
  consumer text not null,
  event_id text not null,
  handled_at timestamptz not null default now(),
  primary key (consumer, event_id)
);
create index inbox_handled_at on inbox (handled_at);
