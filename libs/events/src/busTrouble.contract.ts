import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { waitFor } from '@millrace/testing';
import type { BusRig } from './busRig.contract.ts';
import { disposable } from './busRig.contract.ts';
import type { ConsumeOptions } from './types.ts';

/** Handlers that fail or are slow, replicas and relays that die, and a stop in the middle. */
export function describeBusTrouble(rig: BusRig): void {
  const { emit, emitAll, textOf, record, effects, fresh } = rig;

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
    await waitFor(async () => (await rig.harness.bus.listParked(name)).length === 1);
    const [parked] = await rig.harness.bus.listParked(name);
    expect(parked).toMatchObject({
      consumer: name,
      event: { subject, resource: 'a', attempt: 3 },
      error: { code: 'INTERNAL', reason: 'TypeError', message: 'cannot digest' },
    });
    expect(attempts).toEqual([1, 2, 3]);
    isPoisonous = false;
    await rig.harness.bus.replayParked(name, parked?.event.id ?? '');
    await arrived(['next', 'other', 'poison']);
    await waitFor(async () => (await rig.harness.bus.listParked(name)).length === 0);
    await expect(rig.harness.bus.replayParked(name, parked?.event.id ?? '')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      reason: 'PARKED_EVENT_NOT_FOUND',
    });
    const stats = (await rig.harness.bus.stats()).consumers.find((consumer) => consumer.name === name);
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
    const dying = await rig.harness.anotherBus();
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
    await rig.harness.crash(dying);
    for (const text of texts.slice(30)) await emitAll('r', [text], subject);
    await arrived(texts);
    expect(await effects(name)).toEqual(texts);
    expect(by[0]).toBe('first');
    expect(by.at(-1)).toBe('second');
  });

  test('two relays at once publish everything once and in order, also when one dies', async () => {
    const { name, subject, consume, arrived } = fresh();
    const dying = await rig.harness.anotherBus();
    const standby = await rig.harness.anotherBus();
    await Promise.all([dying, standby].map((other) => other.startRelay(rig.harness.receiver, 'receiver')));
    await using _ = disposable(await consume());
    const texts = Array.from({ length: 60 }, (_, i) => String(i));
    for (const text of texts) {
      await rig.harness.receiver.withTransaction((tx) => emit(tx, 'r', text, subject));
      if (text === '30') await rig.harness.crash(dying);
    }
    await arrived(texts);
    expect(await effects(name)).toEqual(texts);
    await standby.close();
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
      await rig.harness.emitter.withTransaction(async (tx) => {
        for (let k = 0; k < 5; k++) {
          for (const resource of resources) await emit(tx, resource, String(i * 5 + k), subject);
        }
      });
    }
    await waitFor(async () => (await effects(name)).length >= 2000, { timeoutMs: 40_000, what: '2,000 effects' });
    const expected = Array.from({ length: 100 }, (_, i) => String(i));
    for (const resource of resources) expect(await effects(name, resource)).toEqual(expected);
    expect(await rig.harness.bus.listParked(name)).toEqual([]);
    await waitFor(
      async () => (await rig.harness.bus.stats()).consumers.find((consumer) => consumer.name === name)?.lag === 0,
    );
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
