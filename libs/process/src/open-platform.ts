import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createDirectoryBlobs } from '@millrace/blobs';
import { busMigrations, createPostgresBus } from '@millrace/events';
import { createIdSource, systemClock } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import { migrate, openDatabase } from '@millrace/postgres';
import type { RpcChannel } from '@millrace/rpc';
import { createChannel } from '@millrace/rpc';
import { createTableEngine } from '@millrace/tables';
import type { LogOptions, Telemetry } from '@millrace/telemetry';
import { createTelemetry } from '@millrace/telemetry';
import type { Platform } from './platform.ts';

/** Where a process finds what its modules work with. */
export interface PlatformOptions {
  /** Everything kept by this process lies below it. */
  readonly dataDirectory: string;
  /** URL of the PostgreSQL database that holds all schemas. */
  readonly postgresUrl: string;
  /** Address of each service; asked when a channel is first used, so that a port may be known only after the start. */
  address(service: string): string;
  /** Memory of the table engine in MiB; it spills beyond. */
  readonly tablesMemoryMib: number;
  /** Threads of the table engine. */
  readonly threads: number;
  /** Connections per service, at most. */
  readonly poolMax: number;
  readonly log: LogOptions;
}

/** A platform and how to end it. */
export interface OpenPlatform extends Platform {
  /** Closes everything, after the modules have stopped. */
  close(): Promise<void>;
}

/**
 * Opens the platform of one process: PostgreSQL for state and events, a directory for blobs, DuckDB for tables.
 *
 * @throws AppError UNAVAILABLE when the database cannot be reached.
 */
export async function openPlatform(options: PlatformOptions): Promise<OpenPlatform> {
  const { dataDirectory, postgresUrl } = options;
  const clock = systemClock;
  const ids = createIdSource(clock);
  const telemetries = memoize(
    (serviceName: string): Telemetry => createTelemetry({ serviceName, dataDirectory, log: options.log }),
  );
  const databases = memoize(
    (service: string): Database =>
      openDatabase({
        url: postgresUrl,
        schema: service.replaceAll('-', '_'),
        applicationName: `millrace-${service}`,
        poolMax: options.poolMax,
      }),
  );
  const channels = memoize(
    (service: string): RpcChannel =>
      createChannel({ address: () => options.address(service), telemetry: telemetries.get(service) }),
  );
  const busDatabase = databases.get('events');
  await migrate(busDatabase, [busMigrations]);
  const bus = createPostgresBus({ database: busDatabase, ids, clock, logger: telemetries.get('events').logger('bus') });
  const blobs = await createDirectoryBlobs({ directory: join(dataDirectory, 'blobs') });
  const tables = await createTableEngine({
    blobs,
    temporaryDirectory: join(dataDirectory, 'blobs', 'scratch'),
    memoryMib: options.tablesMemoryMib,
    threads: options.threads,
  });
  return {
    clock,
    ids,
    blobs,
    tables,
    bus,
    telemetry: (service) => telemetries.get(service),
    database: (service) => databases.get(service),
    channel: (service) => channels.get(service),
    async serviceDirectory(service) {
      const directory = join(dataDirectory, 'services', service);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      return directory;
    },
    codeRevision: await codeRevision(),
    async close() {
      await bus.close();
      for (const channel of channels.values()) channel.close();
      await tables.close();
      await Promise.all([...databases.values()].map((database) => database.close()));
      await Promise.all([...telemetries.values()].map((telemetry) => telemetry.shutdown()));
    },
  };
}

/** A value per key, made once. */
function memoize<T>(make: (key: string) => T): { get(key: string): T; values(): Iterable<T> } {
  const made = new Map<string, T>();
  return {
    get(key) {
      const known = made.get(key);
      if (known !== undefined) return known;
      const value = make(key);
      made.set(key, value);
      return value;
    },
    values: () => made.values(),
  };
}

/** The commit that the code was checked out from, `-dirty` when changed since; MILLRACE_REVISION where there is no git. */
async function codeRevision(): Promise<string> {
  if (process.env.MILLRACE_REVISION) return process.env.MILLRACE_REVISION;
  try {
    const git = promisify(execFile);
    const { stdout } = await git('git', ['describe', '--always', '--dirty', '--abbrev=12'], {
      cwd: import.meta.dirname,
    });
    return stdout.trim();
  } catch {
    return 'unknown';
  }
}
