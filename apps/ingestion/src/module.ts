import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { Running } from '@millrace/events';
import { eventsMigrations } from '@millrace/events';
import type { JobRunner } from '@millrace/jobs';
import { jobsMigrations } from '@millrace/jobs';
import { migrate } from '@millrace/postgres';
import type { Module, Platform } from '@millrace/process';
import { implement } from '@millrace/rpc';
import type { IngestionConfig } from './config.ts';
import type { IngestionDeps } from './deps.ts';
import { startLoads } from './jobs.ts';
import { createIngestionHandlers } from './service.ts';

export type { IngestionConfig } from './config.ts';
export { ingestionConfigSchema } from './config.ts';

const SERVICE = 'ingestion';

/** The ingestion service: sources, datasets, versions, loads and dead letters. */
export function createIngestionModule(options: {
  readonly config: IngestionConfig;
  readonly platform: Platform;
}): Module {
  const { config, platform } = options;
  const telemetry = platform.telemetry(SERVICE);
  const database = platform.database(SERVICE);
  const scratchDirectory = async () => {
    const directory = join(await platform.serviceDirectory(SERVICE), 'scratch');
    await mkdir(directory, { recursive: true });
    return directory;
  };
  const deps: IngestionDeps = {
    config,
    platform,
    database,
    telemetry,
    logger: telemetry.logger('ingestion'),
    scratchDirectory,
  };
  let relay: Running | undefined;
  let loads: JobRunner | undefined;
  return {
    name: SERVICE,
    dependsOn: [],
    grpcServices: [implement(IngestionService, createIngestionHandlers(deps))],
    async start() {
      await migrate(database, [
        eventsMigrations,
        jobsMigrations,
        { name: SERVICE, directory: join(import.meta.dirname, '../migrations') },
      ]);
      // What a killed process has left behind; nobody else writes here.
      await rm(await scratchDirectory(), { recursive: true, force: true });
      relay = await platform.bus.startRelay(database, SERVICE);
      loads = await startLoads(deps);
    },
    async stop(deadlineMs) {
      await loads?.stop({ deadlineMs });
      await relay?.stop();
      return [];
    },
  };
}
