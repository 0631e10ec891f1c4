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

-- What the consumers of this service have done: a row commits together with the effect of its event.
create table inbox (
  consumer text not null,
  event_id text not null,
  handled_at timestamptz not null default now(),
  primary key (consumer, event_id)
);
create index inbox_handled_at on inbox (handled_at);
