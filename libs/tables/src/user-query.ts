import { mkdir, rm } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { AppError, isAppError } from '@millrace/kernel';
import type { ColumnBatch } from './batches.ts';
import { type ColumnResult, DuckDbConnection, interruptOn } from './connection.ts';
import { sqlError } from './errors.ts';
import type { Parameters } from './parameters.ts';
import { quoteIdentifier, quoteList, quoteLiteral } from './sql.ts';

/** One user query, checked already, and the bounds it runs in. */
export interface UserQuery {
  readonly sql: string;
  /** Relations it sees: name to the SQL that reads the version. */
  readonly views: Readonly<Record<string, string>>;
  /** The files that these relations read: the only ones the query can open. */
  readonly paths: readonly string[];
  readonly parameters?: Parameters | undefined;
  readonly memoryMib: number;
  readonly threads: number;
  readonly timeoutMs: number;
  readonly rowsMax: number;
  /** Where it may spill to, at most four times its memory; removed afterwards. */
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
}

/** A streaming result of a user query. */
export interface QueryResult extends ColumnResult {
  /** Whether rows were left out because of `rowsMax`; known once `batches` has ended. */
  isTruncated(): boolean;
  /** Ends the query and frees what it holds, when `batches` is not read. */
  close(): Promise<void>;
}

/** The options of an engine that can reach nothing but the listed files, and cannot be opened up again. */
const LOCKED = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
} as const;

/**
 * Runs a query in an engine of its own: external access off but for the listed files, settings locked, memory, spill space and time bound.
 * Errors: DEADLINE_EXCEEDED `SQL_TIMEOUT`, CANCELLED, RESOURCE_EXHAUSTED `SQL_OUT_OF_MEMORY`, and those of `engineError`.
 */
export async function runUserQuery(query: UserQuery): Promise<QueryResult> {
  await mkdir(query.scratch, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', {
    ...LOCKED,
    threads: `${query.threads}`,
    memory_limit: `${query.memoryMib}MiB`,
    temp_directory: query.scratch,
    max_temp_directory_size: `${query.memoryMib * 4}MiB`,
    preserve_insertion_order: 'true',
  });
  const connection = await instance.connect();
  const timeout = AbortSignal.timeout(query.timeoutMs);
  const interrupts = interruptOn(connection, query.signal ? AbortSignal.any([query.signal, timeout]) : timeout);
  const close = async () => {
    interrupts.stop();
    connection.disconnectSync();
    instance.closeSync();
    await rm(query.scratch, { recursive: true, force: true });
  };
  const explain = (error: unknown) => {
    const isInterrupt = isAppError(error) && error.reason === 'CANCELLED';
    return isInterrupt && timeout.aborted && !query.signal?.aborted ? timedOut(query.timeoutMs) : error;
  };
  const own = new DuckDbConnection(connection, explain);
  try {
    for (const statement of lockdown(query)) await own.run(statement);
    if (query.signal?.aborted) throw new AppError('CANCELLED', 'The query was cancelled.', { reason: 'CANCELLED' });
    const { schema, batches } = await own.columns(query.sql, query.parameters);
    const state = { isTruncated: false };
    return {
      schema,
      batches: limited(batches, query.rowsMax, state, close),
      isTruncated: () => state.isTruncated,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function lockdown(query: UserQuery): string[] {
  return [
    "SET TimeZone = 'UTC'",
    `SET allowed_paths = ${quoteList(query.paths)}`,
    ...Object.entries(query.views).map(([name, sql]) => `CREATE VIEW ${quoteIdentifier(name)} AS ${sql}`),
    'SET enable_external_access = false',
    `SET home_directory = ${quoteLiteral(query.scratch)}`,
    'SET lock_configuration = true',
  ];
}

async function* limited(
  batches: AsyncIterable<ColumnBatch>,
  rowsMax: number,
  state: { isTruncated: boolean },
  close: () => Promise<void>,
): AsyncGenerator<ColumnBatch> {
  let rows = 0;
  try {
    for await (const batch of batches) {
      if (rows + batch.rows > rowsMax) {
        state.isTruncated = true;
        if (rowsMax > rows) yield firstRows(batch, rowsMax - rows);
        return;
      }
      rows += batch.rows;
      yield batch;
    }
  } finally {
    await close();
  }
}

function firstRows(batch: ColumnBatch, rows: number): ColumnBatch {
  const columns = batch.columns.map(({ values, validity }) => ({
    values: values.slice(0, rows) as typeof values,
    validity: validity && maskedBits(validity, rows),
  }));
  return { rows, columns };
}

function maskedBits(validity: Uint8Array, rows: number): Uint8Array {
  const bytes = validity.slice(0, (rows + 7) >> 3);
  if (rows & 7) bytes[bytes.length - 1]! &= (1 << (rows & 7)) - 1;
  return bytes;
}

function timedOut(timeoutMs: number): AppError {
  return sqlError(
    'DEADLINE_EXCEEDED',
    'SQL_TIMEOUT',
    `The query ran longer than ${timeoutMs} ms. Filter or aggregate earlier, or allow more time.`,
    { fields: { timeoutMs: `${timeoutMs}` } },
  );
}
