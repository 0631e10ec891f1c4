import { createIdSource, systemClock } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import { migrate, openDatabase } from '@millrace/postgres';
import { nullLogger } from '@millrace/telemetry';
import { createTestDatabase } from '@millrace/testing';
import type { BusHarness } from '../src/bus.contract.ts';
import { busMigrations, createPostgresBus, eventsMigrations } from '../src/postgresBus.ts';
import type { EventBus } from '../src/types.ts';

/** The postgres adapter for the contract suite; the log lies beside the services or in a database of its own. */
export async function createPostgresHarness(place: 'same' | 'other'): Promise<BusHarness> {
  const log = await createTestDatabase({ schema: 'events', migrations: [busMigrations] });
  const own =
    place === 'other' ? await createTestDatabase({ schema: 'emitter', migrations: [eventsMigrations] }) : undefined;
  const serviceUrl = own?.url ?? log.url;
  const open = async (schema: string): Promise<Database> => {
    const database = openDatabase({ url: serviceUrl, schema, applicationName: schema });
    await migrate(database, [eventsMigrations]);
    return database;
  };
  const emitter = own?.database ?? (await open('emitter'));
  const receiver = await open('receiver');
  const databases = new Map<EventBus, { readonly database: Database; readonly applicationName: string }>();

  const anotherBus = async (): Promise<EventBus> => {
    const applicationName = `bus ${databases.size}`;
    const database = openDatabase({ url: log.url, schema: 'events', applicationName });
    const bus = createPostgresBus({ database, ids: createIdSource(), clock: systemClock, logger: nullLogger });
    databases.set(bus, { database, applicationName });
    return bus;
  };
  const bus = await anotherBus();

  return {
    bus,
    emitter,
    receiver,
    anotherBus,
    async crash(crashed) {
      const { database, applicationName } = databases.get(crashed) as { database: Database; applicationName: string };
      // Closing the pool at once keeps the instance from coming back.
      await Promise.all([
        log.database.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
          applicationName,
        ]),
        database.close().catch(() => undefined),
      ]);
      await crashed.close();
    },
    async loseAcknowledgements(consumer) {
      await log.database.execute('update consumer set position = 0 where name = $1', [consumer]);
    },
    async stop() {
      await Promise.all([...databases.keys()].map((open) => open.close()));
      await Promise.all([...databases.values()].map(({ database }) => database.close()));
      await Promise.all([receiver.close(), emitter.close()]);
      await own?.drop();
      await log.drop();
    },
  };
}
