import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll } from '@jest/globals';
import type { Database, Tx } from '@millrace/postgres';
import { waitFor } from '@millrace/testing';
import { decodeEvent, emitEvent } from './emit.ts';
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

/** A subject that no consumer of {@link useBusRig} listens to unless told. */
export const SUBJECT = 'millrace.emitter.v1.thing.changed';
const FAST: Pick<ConsumeOptions, 'backoffMs' | 'subjects'> = { backoffMs: [5], subjects: ['millrace.emitter.v1.>'] };

/** The harness of one suite, and what its tests say over and over. */
export type BusRig = ReturnType<typeof useBusRig>;

/** Has the harness made before the tests of the present block and stopped after them. */
export function useBusRig(createHarness: () => Promise<BusHarness>) {
  let harness: BusHarness;
  let count = 0;

  beforeAll(async () => {
    harness = await createHarness();
    await harness.receiver.execute(
      'create table effect (n bigint generated always as identity, consumer text, resource text, text text)',
    );
    await harness.bus.startRelay(harness.emitter, 'emitter');
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
    const consume = (options: Partial<ConsumeOptions> = {}, on: EventBus = harness.bus) =>
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

  return {
    get harness() {
      return harness;
    },
    emit,
    emitAll,
    textOf,
    record,
    effects,
    fresh,
  };
}

/** Stops at the end of the block (`await using`). */
export function disposable(running: { stop(): Promise<void> }): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => running.stop() };
}
