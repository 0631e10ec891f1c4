import type { Database } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import type { Logger, Telemetry } from '@millrace/telemetry';
import type { IngestionConfig } from './config.ts';

/** What the handlers and the load work with; made once by the module. */
export interface IngestionDeps {
  readonly config: IngestionConfig;
  readonly platform: Pick<Platform, 'clock' | 'ids' | 'blobs' | 'tables'>;
  readonly database: Database;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  /** A directory of the service's own for files under construction, on the blob store's file system where that is a directory. */
  scratchDirectory(): Promise<string>;
}
