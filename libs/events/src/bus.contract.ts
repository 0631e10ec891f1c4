import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from '@jest/globals';
import { createIdSource, systemClock } from '@millrace/kernel';
import { waitFor } from '@millrace/testing';
import type { BusHarness, BusRig } from './busRig.contract.ts';
import { disposable, SUBJECT, useBusRig } from './busRig.contract.ts';
import { describeBusTrouble } from './busTrouble.contract.ts';
import { createEmitter, EVENT_DATA_MAX_BYTES } from './emit.ts';
import type { ReceivedEvent } from './types.ts';

export type { BusHarness } from './busRig.contract.ts';

/** The promises of `EventBus`, tried on one adapter. Call it in a `describe` block or at the top of a test file. */
export function describeEventBus(createHarness: () => Promise<BusHarness>): void {
  const rig = useBusRig(createHarness);
  describeDelivery(rig);
  describeBusTrouble(rig);
}

/** What arrives, once, and in which order. */
function describeDelivery(rig: BusRig): void {
  const { emit, emitAll, textOf, effects, fresh } = rig;

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
      rig.harness.emitter.withTransaction(async (tx) => {
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
    const slow = rig.harness.emitter.withTransaction(async (tx) => {
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
    await rig.harness.emitter.execute('create table if not exists version (resource text primary key, n int)');
    await rig.harness.emitter.execute(`insert into version values ('a', 0), ('b', 0) on conflict do nothing`);
    const bump = (resource: string) =>
      rig.harness.emitter.withTransaction(async (tx) => {
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

  test('commit order holds for one resource even if the relay was away and both events wait in the outbox', async () => {
    const { name, subject, consume, arrived } = fresh();
    const commits: string[] = [];
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: emitted, resolve: hasEmitted } = Promise.withResolvers<void>();
    // The receiver's schema has an outbox too, and no relay yet.
    const emitIn = (text: string, hold: () => Promise<void>) =>
      rig.harness.receiver.withTransaction(async (tx) => {
        await emit(tx, 'r', text, subject);
        await hold();
        tx.afterCommit(() => commits.push(text));
      });
    const first = emitIn('first to emit', () => {
      hasEmitted();
      return released;
    });
    await emitted;
    const second = emitIn('second to emit', async () => {});
    const isWaiting = async () =>
      (
        await rig.harness.receiver.query(
          `select 1 from pg_stat_activity where wait_event_type = 'Lock' and wait_event = 'advisory'`,
        )
      ).length > 0;
    await waitFor(async () => commits.length > 0 || (await isWaiting()));
    release();
    await Promise.all([first, second]);
    await using _ = disposable(await consume());
    await using _relay = disposable(await rig.harness.bus.startRelay(rig.harness.receiver, 'receiver'));
    await arrived(['', '']);
    expect(await effects(name)).toEqual(commits);
  });

  test('what is published twice has one effect', async () => {
    const { name, subject, consume, arrived } = fresh();
    const id = createIdSource().next();
    const emitSame = createEmitter({ ids: { next: () => id }, clock: systemClock });
    const again = () =>
      rig.harness.emitter.withTransaction((tx) =>
        emitSame(tx, { subject, resource: 'r', schema: StringValueSchema, message: { value: 'once' } }),
      );
    const outboxIsEmpty = async () => (await rig.harness.emitter.query('select 1 from outbox')).length === 0;
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
    await rig.harness.loseAcknowledgements(name);
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
    await waitFor(async () => (await rig.harness.emitter.query('select 1 from outbox')).length === 0);
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

  test('an event that is too large, or whose subject is not one, is refused at emit', async () => {
    const attempt = (value: string, subject = SUBJECT, resource = 'r') =>
      rig.harness.emitter.withTransaction((tx) => emit(tx, resource, value, subject));
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
}
