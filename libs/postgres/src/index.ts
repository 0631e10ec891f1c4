/**
 * PostgreSQL for every service: pools bound to one schema, transactions with retry, LISTEN, migrations, COPY, and a
 * server of our own for the single-process default. The only home of `pg`.
 */
export { copyIn, copyOut } from './copy.ts';
export type { DatabaseOptions } from './database.ts';
export { openDatabase } from './database.ts';
export type { EmbeddedPostgres, EmbeddedPostgresOptions } from './embedded/server.ts';
export { startEmbeddedPostgres } from './embedded/server.ts';
export {
  isCheckViolation,
  isConnectionFailure,
  isForeignKeyViolation,
  isRetryable,
  isStatementTimeout,
  isUniqueViolation,
  sqlState,
} from './errors.ts';
export type { ForeignColumn, ForeignDatabase } from './foreign.ts';
export { openForeignDatabase } from './foreign.ts';
export type { MigrationFile, MigrationSet } from './migrations.ts';
export { migrate, readMigrations } from './migrations.ts';
export { decodePageToken, encodePageToken, nextPageToken } from './pageTokens.ts';
export type { Database, Queryable, Subscription, TransactionOptions, Tx } from './types.ts';
