import type { BlobStore } from '@millrace/blobs';
import type { EventBus } from '@millrace/events';
import type { Clock, IdSource } from '@millrace/kernel';
import type { Database } from '@millrace/postgres';
import type { RpcChannel } from '@millrace/rpc';
import type { TableEngine } from '@millrace/tables';
import type { Telemetry } from '@millrace/telemetry';

/** What a process gives to every module it runs. The process owns all of it and closes it after the modules. */
export interface Platform {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly blobs: BlobStore;
  readonly tables: TableEngine;
  readonly bus: EventBus;
  /** Telemetry of one service. */
  telemetry(service: string): Telemetry;
  /** The database of one service: its own schema, `-` in the name written `_`. The same object for the same name. */
  database(service: string): Database;
  /** A channel to a service, in this process or in another one. Opened when first used. */
  channel(service: string): RpcChannel;
  /** Where a service may keep files of its own, for example its signing key. Created when first asked for. */
  serviceDirectory(service: string): Promise<string>;
  /** Revision of the platform's code: a commit, or the release. */
  readonly codeRevision: string;
}
