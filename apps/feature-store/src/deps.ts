import type { BlobStore } from '@millrace/blobs';
import type { Clock, IdSource } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import type { TableEngine } from '@millrace/tables';
import type { Telemetry } from '@millrace/telemetry';
import type { Changes } from './changes.ts';
import type { Compiler } from './compile.ts';
import type { FeatureStoreConfig } from './config.ts';
import type { Datasets } from './datasets.ts';

/** What the parts of the service work with. */
export interface Deps {
  readonly config: FeatureStoreConfig;
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly tables: TableEngine;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly telemetry: Telemetry;
  readonly compiler: Compiler;
  readonly datasets: Datasets;
  readonly changes: Changes;
}
