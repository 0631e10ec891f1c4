import { setTimeout as sleep } from 'node:timers/promises';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createIdSource, createRng, systemClock } from '@millrace/kernel';
import type { Database, Tx } from '@millrace/postgres';
import { waitFor } from '@millrace/testing';
import { createEmitter, decodeEvent, EVENT_DATA_MAX_BYTES, emitEvent } from './emit.ts';
import type { ConsumeOptions, EventBus, ReceivedEvent } from './types.ts';

/** What the suite needs of an adapter. */
export interface BusHarness {
  readonly bus: EventBus;
  /** A service that emits: its schema holds `eventsMigrations`. */
  readonly emitter: Database;
  /** A service that consumes: another schema with `eventsMigrations`. */
  readonly receiver: Database;
  /** A further instance over the same log, as a second process would have it. */
  anotherBus(): Promise<EventBus>;
  /** Cuts an instance made by `anotherBus` off in the middle of what it does, as `kill -9` would. */
  crash(bus: EventBus): Promise<void>;
  /** Has the bus forget all acknowledgements of a consumer that is stopped: everything comes again. */
  loseAcknowledgements(consumer: string): Promise<void>;
  stop(): Promise<void>;
}

const SUBJECT = 'millrace.emitter.v1.thing.changed';
const FAST: Pick<ConsumeOptions, 'backoffMs' | 'subjects'> = { backoffMs: [5], subjects: ['millrace.emitter.v1.>'] };

/** The promises of {@link EventBus}, tried on one adapter. Call it at the top of a test file. */
export function describeEventBus(createHarness: () => Promise<BusHarness>): void {
  let harness: BusHarness;
  let bus: EventBus;
  let count = 0;

  beforeAll(async () => {
    harness = await createHarness();
    bus = harness.bus;
    await harness.receiver.execute(
      'create table effect (n bigint generated always as identity, consumer text, resource text, text text)',
    );
    await bus.startRelay(harness.emitter, 'emitter');
  });
  afterAll(() => harness.stop());

  const emit = (tx: Tx, resource: string, text: string, subject = SUBJECT) =>
    emitEvent(tx, { subject, resource, schema: StringValueSchema, message: { value: text } });
  const emitAll = (resource: string, texts: readonly string[], subject?: string) =>
    harness.emitter.withTransaction(async (tx) => {
      for (const text of texts) await emit(tx, resource, text, subject);
    });
  const textOf = (event: ReceivedEvent) => decodeEvent(StringValueSchema, event).value;
  const record = (consumer: string, event: ReceivedEvent, tx: Tx) =>
    tx.execute('insert into effect (consumer, resource, text) values ($1, $2, $3)', [
      consumer,
      event.resource,
      textOf(event),
    ]);
  const effects = async (consumer: string, resource?: string): Promise<string[]> => {
    const rows = await harness.receiver.query<{ text: string }>(
      'select text from effect where consumer = $1 and ($2::text is null or resource = $2) order by n',
      [consumer, resource ?? null],
    );
    return rows.map(({ text }) => text);
  };
  /** A consumer of its own subject, which records what it gets. */
  const fresh = () => {
    count += 1;
    const subject = `millrace.emitter.v1.thing${count}.changed`;
    const name = `consumer-${count}`;
    const consume = (options: Partial<ConsumeOptions> = {}, on: EventBus = bus) =>
      on.consume({
        name,
        database: harness.receiver,
        handler: async (event, { tx }) => void (await record(name, event, tx)),
        ...FAST,
        subjects: [subject],
        ...options,
      });
    const arrived = (texts: readonly string[], resource?: string) =>
      waitFor(async () => (await effects(name, resource)).length >= texts.length, { what: `${texts.length} effects` });
    return { name, subject, consume, arrived };
  };

  test('an event arrives with its id, resource, CloudEvents headers and message', async () => {
    const { subject, consume } = fresh();
    const got: ReceivedEvent[] = [];
    await using _ = disposable(await consume({ handler: async (event) => void got.push(event) }));
    await emitAll('workspaces/w/things/1', ['hello'], subject);
    await waitFor(() => got.length === 1);
    const event = got[0] as ReceivedEvent;
    expect(event).toMatchObject({ subject, resource: 'workspaces/w/things/1', attempt: 1 });
    expect(event.headers).toMatchObject({
      'Nats-Msg-Id': event.id,
      'ce-id': event.id,
      'ce-specversion': '1.0',
      'ce-source': '/millrace/emitter',
      'ce-type': subject,
      'ce-subject': 'workspaces/w/things/1',
      'ce-time': event.time.toISOString(),
      'ce-dataschema': 'google.protobuf.StringValue',
    });
    expect(textOf(event)).toBe('hello');
  });

  test('a transaction that rolls back emits nothing', async () => {
    const { name, subject, consume, arrived } = fresh();
    await using _ = disposable(await consume());
    await expect(
      harness.emitter.withTransaction(async (tx) => {
        await emit(tx, 'r', 'never', subject);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await emitAll('r', ['after'], subject);
    await arrived(['after']);
    expect(await effects(name)).toEqual(['after']);
  });

  test('an event of a transaction that stays open while later ones commit is not skipped', async () => {
    const { name, subject, consume, arrived } = fresh();
    await using _ = disposable(await consume());
    const { promise: committed, resolve: commit } = Promise.withResolvers<void>();
    const { promise: emitted, resolve: hasEmitted } = Promise.withResolvers<void>();
    const slow = harness.emitter.withTransaction(async (tx) => {
      await emit(tx, 'slow', 'early sequence, late commit', subject);
      hasEmitted();
      await committed;
    });
    await emitted;
    for (let i = 0; i < 5; i++) await emitAll('fast', [`fast ${i}`], subject);
    await waitFor(async () => (await effects(name)).length === 5);
    commit();
    await slow;
    await arrived(Array(6).fill(''));
    expect((await effects(name)).at(-1)).toBe('early sequence, late commit');
  });

  test('events of one resource arrive in the order of their commits, from concurrent transactions', async () => {
    const { name, subject, consume, arrived } = fresh();
    await harness.emitter.execute('create table if not exists version (resource text primary key, n int)');
    await harness.emitter.execute(`insert into version values ('a', 0), ('b', 0) on conflict do nothing`);
    const bump = (resource: string) =>
      harness.emitter.withTransaction(async (tx) => {
        const sql = 'update version set n = n + 1 where resource = $1 returning n';
        const { n } = await tx.one<{ n: number }>(sql, [resource]);
        await emit(tx, resource, String(n), subject);
      });
    await using _ = disposable(await consume());
    await Promise.all(Array.from({ length: 60 }, (_, i) => bump(i % 2 ? 'a' : 'b')));
    await arrived(Array(60).fill(''));
    const expected = Array.from({ length: 30 }, (_, i) => String(i + 1));
    expect(await effects(name, 'a')).toEqual(expected);
    expect(await effects(name, 'b')).toEqual(expected);
  });

  test('what is published twice has one effect', async () => {
    const { name, subject, consume, arrived } = fresh();
    const id = createIdSource().next();
    const emitSame = createEmitter({ ids: { next: () => id }, clock: systemClock });
    const again = () =>
      harness.emitter.withTransaction((tx) =>
        emitSame(tx, { subject, resource: 'r', schema: StringValueSchema, message: { value: 'once' } }),
      );
    const outboxIsEmpty = async () => (await harness.emitter.query('select 1 from outbox')).length === 0;
    await using _ = disposable(await consume());
    for (let i = 0; i < 3; i++) {
      await again();
      await waitFor(outboxIsEmpty);
    }
    await emitAll('r', ['end'], subject);
    await arrived(['once', 'end']);
    expect(await effects(name)).toEqual(['once', 'end']);
  });

  test('a crash between effect and acknowledgement repeats no effect', async () => {
    const { name, subject, consume, arrived } = fresh();
    const first = await consume();
    await emitAll('r', ['1', '2', '3'], subject);
    await arrived(['1', '2', '3']);
    await first.stop();
    await harness.loseAcknowledgements(name);
    await using _ = disposable(await consume());
    await emitAll('r', ['4'], subject);
    await arrived(['1', '2', '3', '4']);
    expect(await effects(name)).toEqual(['1', '2', '3', '4']);
  });

  test('a durable consumer misses nothing while it is away, and "now" begins at the end', async () => {
    const { name, subject, consume, arrived } = fresh();
    await (await consume()).stop();
    await emitAll('r', ['while away'], subject);
    const late = fresh();
    await waitFor(async () => (await harness.emitter.query('select 1 from outbox')).length === 0);
    await using _late = disposable(await late.consume({ subjects: [subject], startAt: 'now' }));
    await using _ = disposable(await consume());
    await arrived(['while away']);
    await emitAll('r', ['after'], subject);
    await late.arrived(['after']);
    await arrived(['while away', 'after']);
    expect(await effects(late.name)).toEqual(['after']);
    expect(await effects(name)).toEqual(['while away', 'after']);
  });

  test('subjects outside the patterns are not delivered; `*` is one token, `>` the rest', async () => {
    const { name, subject, consume, arrived } = fresh();
    const stem = subject.split('.').slice(0, 4).join('.');
    await using _ = disposable(await consume({ subjects: [`${stem}.changed`] }));
    const star = fresh();
    await using _star = disposable(await star.consume({ subjects: [`millrace.*.v1.${subject.split('.')[3]}.*`] }));
    await emitAll('r', ['unknown'], `${stem}.vanished`);
    await emitAll('r', ['known'], `${stem}.changed`);
    await arrived(['known']);
    await star.arrived(['unknown', 'known']);
    expect(await effects(name)).toEqual(['known']);
    expect(await effects(star.name)).toEqual(['unknown', 'known']);
  });

  test('a failed event is tried again before the later ones of its resource; others move on', async () => {
    const { name, subject, consume, arrived } = fresh();
    const attempts: number[] = [];
    const { promise: othersDone, resolve: letPass } = Promise.withResolvers<void>();
    await using _ = disposable(
      await consume({
        maxAttempts: 20,
        handler: async (event, { tx }) => {
          if (textOf(event) === 'a1') {
            attempts.push(event.attempt);
            await record(name, event, tx); // rolled back by the failure
            if (event.attempt === 1) throw new Error('not yet');
            await othersDone;
          }
          await record(name, event, tx);
          if (textOf(event) === 'b2') letPass();
        },
      }),
    );
    await emitAll('a', ['a1', 'a2'], subject);
    await emitAll('b', ['b1', 'b2'], subject);
    await arrived(Array(5).fill(''));
    expect(await effects(name, 'b')).toEqual(['b1', 'b2']);
    expect(await effects(name, 'a')).toEqual(['a1', 'a1', 'a2']);
    expect(attempts).toEqual([1, 2]);
  });

  test('an event that always fails is parked with its error, later ones go on, and it can be replayed', async () => {
    const { name, subject, consume, arrived } = fresh();
    let isPoisonous = true;
    const attempts: number[] = [];
    await using _ = disposable(
      await consume({
        maxAttempts: 3,
        handler: async (event, { tx }) => {
          if (textOf(event) === 'poison') {
            attempts.push(event.attempt);
            if (isPoisonous) throw new TypeError('cannot digest');
          }
          await record(name, event, tx);
        },
      }),
    );
    await emitAll('a', ['poison', 'next'], subject);
    await emitAll('b', ['other'], subject);
    await arrived(['next', 'other']);
    await waitFor(async () => (await bus.listParked(name)).length === 1);
    const [parked] = await bus.listParked(name);
    expect(parked).toMatchObject({
      consumer: name,
      event: { subject, resource: 'a', attempt: 3 },
      error: { code: 'INTERNAL', reason: 'TypeError', message: 'cannot digest' },
    });
    expect(attempts).toEqual([1, 2, 3]);
    isPoisonous = false;
    await bus.replayParked(name, parked?.event.id ?? '');
    await arrived(['next', 'other', 'poison']);
    await waitFor(async () => (await bus.listParked(name)).length === 0);
    await expect(bus.replayParked(name, parked?.event.id ?? '')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      reason: 'PARKED_EVENT_NOT_FOUND',
    });
    const stats = (await bus.stats()).consumers.find((consumer) => consumer.name === name);
    expect(stats).toMatchObject({ delivered: 3, retried: 2, parked: 1 });
  });

  test('different resources run in parallel up to the bound, and a slow one holds up only itself', async () => {
    const { name, subject, consume, arrived } = fresh();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    await using _ = disposable(
      await consume({
        concurrency: 3,
        handler: async (event, { tx }) => {
          most = Math.max(most, ++running);
          if (textOf(event) === 'slow') await released;
          else if (most < 3) await waitFor(() => most === 3);
          await record(name, event, tx);
          running -= 1;
        },
      }),
    );
    await emitAll('slow', ['slow', 'behind'], subject);
    for (let i = 0; i < 10; i++) await emitAll(`quick ${i}`, [`${i}`], subject);
    await arrived(Array(10).fill(''));
    expect((await effects(name)).length).toBe(10);
    release();
    await arrived(Array(12).fill(''));
    expect(await effects(name, 'slow')).toEqual(['slow', 'behind']);
    expect(most).toBe(3);
  });

  test('replicas share a name: one works, and another takes over when it dies, in order and without loss', async () => {
    const { name, subject, consume, arrived } = fresh();
    const dying = await harness.anotherBus();
    const by: string[] = [];
    const handler = (who: string): ConsumeOptions['handler'] => {
      return async (event, { tx }) => {
        by.push(who);
        await record(name, event, tx);
      };
    };
    await consume({ handler: handler('first') }, dying);
    await emitAll('r', ['0'], subject);
    await arrived(['0']);
    await using _ = disposable(await consume({ handler: handler('second') }));
    const texts = Array.from({ length: 60 }, (_, i) => String(i));
    for (const text of texts.slice(1, 30)) await emitAll('r', [text], subject);
    await harness.crash(dying);
    for (const text of texts.slice(30)) await emitAll('r', [text], subject);
    await arrived(texts);
    expect(await effects(name)).toEqual(texts);
    expect(by[0]).toBe('first');
    expect(by.at(-1)).toBe('second');
  });

  test('two relays at once publish everything once and in order, also when one dies', async () => {
    const { name, subject, consume, arrived } = fresh();
    const dying = await harness.anotherBus();
    const standby = await harness.anotherBus();
    await Promise.all([dying, standby].map((other) => other.startRelay(harness.receiver, 'receiver')));
    await using _ = disposable(await consume());
    const texts = Array.from({ length: 60 }, (_, i) => String(i));
    for (const text of texts) {
      await harness.receiver.withTransaction((tx) => emit(tx, 'r', text, subject));
      if (text === '30') await harness.crash(dying);
    }
    await arrived(texts);
    expect(await effects(name)).toEqual(texts);
    await standby.close();
  });

  test('an event that is too large, or whose subject is not one, is refused at emit', async () => {
    const attempt = (value: string, subject = SUBJECT, resource = 'r') =>
      harness.emitter.withTransaction((tx) => emit(tx, resource, value, subject));
    await expect(attempt('x'.repeat(EVENT_DATA_MAX_BYTES + 1))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'EVENT_TOO_LARGE',
    });
    await expect(attempt('x', 'millrace.emitter')).rejects.toMatchObject({ reason: 'EVENT_SUBJECT_INVALID' });
    await expect(attempt('x', SUBJECT, '')).rejects.toMatchObject({ reason: 'EVENT_RESOURCE_INVALID' });
    const { name, subject, consume, arrived } = fresh();
    await using _ = disposable(await consume());
    const largest = 'x'.repeat(EVENT_DATA_MAX_BYTES - 4); // tag and length take four bytes
    await attempt(largest, subject);
    await arrived(['']);
    expect((await effects(name))[0]?.length).toBe(largest.length);
  });

  test('consumer options are checked', async () => {
    const { consume } = fresh();
    await expect(consume({ concurrency: 0, maxAttempts: 0 })).rejects.toMatchObject({
      reason: 'CONSUMER_INVALID',
      violations: [{ field: 'concurrency' }, { field: 'maxAttempts' }],
    });
    await expect(consume({ subjects: ['a.>.b'] })).rejects.toMatchObject({ reason: 'EVENT_SUBJECT_INVALID' });
  });

  test('2,000 events through a handler that fails at random: each effect once, in order per resource', async () => {
    const { name, subject, consume } = fresh();
    const rng = createRng(7);
    const resources = Array.from({ length: 20 }, (_, i) => `many/${i}`);
    await using _ = disposable(
      await consume({
        maxAttempts: 50,
        backoffMs: [1],
        handler: async (event, { tx }) => {
          if (rng.next() < 0.05) throw new Error('before the effect');
          await record(name, event, tx);
          if (rng.next() < 0.05) throw new Error('after the effect');
        },
      }),
    );
    for (let i = 0; i < 20; i++) {
      await harness.emitter.withTransaction(async (tx) => {
        for (let k = 0; k < 5; k++) {
          for (const resource of resources) await emit(tx, resource, String(i * 5 + k), subject);
        }
      });
    }
    await waitFor(async () => (await effects(name)).length >= 2000, { timeoutMs: 40_000, what: '2,000 effects' });
    const expected = Array.from({ length: 100 }, (_, i) => String(i));
    for (const resource of resources) expect(await effects(name, resource)).toEqual(expected);
    expect(await bus.listParked(name)).toEqual([]);
    await waitFor(async () => (await bus.stats()).consumers.find((consumer) => consumer.name === name)?.lag === 0);
  });

  test('stop waits for the handler that is running', async () => {
    const { name, subject, consume } = fresh();
    const { promise: started, resolve: hasStarted } = Promise.withResolvers<void>();
    const consumer = await consume({
      handler: async (event, { tx }) => {
        hasStarted();
        await sleep(50);
        await record(name, event, tx);
      },
    });
    await emitAll('r', ['whole'], subject);
    await started;
    await consumer.stop();
    expect(await effects(name)).toEqual(['whole']);
  });
}

function disposable(running: { stop(): Promise<void> }): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => running.stop() };
}
