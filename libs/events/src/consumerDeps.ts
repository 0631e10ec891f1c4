import type { Database } from '@millrace/postgres';
import type { Logger } from '@millrace/telemetry';
import type { SessionLocks } from './locks.ts';
import type { ConsumerMetrics } from './metrics.ts';

/** What a consumer works with. */
export interface ConsumerDeps {
  /** The bus's database. */
  readonly bus: Database;
  readonly locks: SessionLocks;
  readonly logger: Logger;
  readonly metrics: ConsumerMetrics;
  /** Inbox rows are kept this long: longer than the log keeps events. */
  readonly inboxRetentionMs: number;
}
