import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api';
import { AppError } from '@millrace/kernel';
import {
  batchOf,
  type ColumnBatch,
  type ColumnData,
  type ColumnValues,
  type ResultColumn,
  resultColumns,
} from './batches.ts';
import { engineError } from './errors.ts';
import { bindParameters, type Parameters } from './parameters.ts';
import { type Row, rowValue } from './rows.ts';

/** The most rows that `rows` gives; larger results are read with `columns`. */
export const ROWS_MAX = 1_000_000;

/** A result that streams. It ends early when its connection runs another statement. */
export interface ColumnResult {
  readonly schema: readonly ResultColumn[];
  /** Read once, to the end or not at all further; errors of the query show here. */
  readonly batches: AsyncIterable<ColumnBatch>;
}

/** A whole result in memory. */
export interface ColumnTable {
  readonly schema: readonly ResultColumn[];
  readonly rows: number;
  /** By column name. */
  readonly columns: Readonly<Record<string, ColumnData>>;
}

/**
 * A connection for the platform's own SQL: no text of a user's may reach it, except in parameters. One statement at a time. All
 * errors are those of `engineError`.
 */
export interface TableConnection {
  /** Runs statements that give no rows, and returns how many rows the last one changed. */
  run(sql: string, parameters?: Parameters): Promise<number>;
  /** All rows as objects (see `RowValue`); RESOURCE_EXHAUSTED `SQL_TOO_MANY_ROWS` beyond {@link ROWS_MAX}. */
  rows<T = Row>(sql: string, parameters?: Parameters): Promise<T[]>;
  /** The result by column, streamed. */
  columns(sql: string, parameters?: Parameters): Promise<ColumnResult>;
  /** The whole result by column, in memory. */
  table(sql: string, parameters?: Parameters): Promise<ColumnTable>;
  /** How far the running statement is, from 0 to 1, or `undefined` while the engine cannot tell. */
  progress(): number | undefined;
}

/** Wraps a DuckDB connection. */
export class DuckDbConnection implements TableConnection {
  readonly #connection: DuckDBConnection;
  /** Changes what is thrown, after it was typed: used to tell a timeout from a cancellation. */
  readonly #explain: (error: unknown) => unknown;

  constructor(connection: DuckDBConnection, explain: (error: unknown) => unknown = (error) => error) {
    this.#connection = connection;
    this.#explain = explain;
  }

  async run(sql: string, parameters?: Parameters): Promise<number> {
    return this.#typed(sql, async () => {
      const bound = bindParameters(parameters);
      return (await this.#connection.run(sql, bound?.values, bound?.types)).rowsChanged;
    });
  }

  async rows<T = Row>(sql: string, parameters?: Parameters): Promise<T[]> {
    return this.#typed(sql, async () => {
      const result = await this.#stream(sql, parameters);
      const names = result.deduplicatedColumnNames();
      const rows: Row[] = [];
      for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
        if (rows.length + chunk.rowCount > ROWS_MAX) throw tooManyRows();
        const columns = names.map((_, i) => chunk!.getColumnValues(i));
        for (let r = 0; r < chunk.rowCount; r++)
          rows.push(Object.fromEntries(names.map((name, i) => [name, rowValue(columns[i]![r]!)])));
      }
      return rows as T[];
    });
  }

  async columns(sql: string, parameters?: Parameters): Promise<ColumnResult> {
    const result = await this.#typed(sql, () => this.#stream(sql, parameters));
    return { schema: resultColumns(result), batches: this.#batches(sql, result) };
  }

  async table(sql: string, parameters?: Parameters): Promise<ColumnTable> {
    const { schema, batches } = await this.columns(sql, parameters);
    const parts: ColumnBatch[] = [];
    for await (const batch of batches) parts.push(batch);
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const columns = schema.map(({ name }, i) => [name, concatenate(parts, i, rows)] as const);
    return { schema, rows, columns: Object.fromEntries(columns) };
  }

  progress(): number | undefined {
    const { percentage } = this.#connection.progress;
    return percentage < 0 ? undefined : Math.min(1, percentage / 100);
  }

  #stream(sql: string, parameters: Parameters | undefined): Promise<DuckDBResult> {
    const bound = bindParameters(parameters);
    return this.#connection.stream(sql, bound?.values, bound?.types);
  }

  async *#batches(sql: string, result: DuckDBResult): AsyncGenerator<ColumnBatch> {
    for (;;) {
      const chunk = await this.#typed(sql, () => result.fetchChunk());
      if (!chunk || chunk.rowCount === 0) return;
      yield batchOf(result, chunk);
    }
  }

  async #typed<T>(sql: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw this.#explain(engineError(error, sql));
    }
  }
}

function tooManyRows(): AppError {
  return new AppError(
    'RESOURCE_EXHAUSTED',
    `The result has more than ${ROWS_MAX} rows. Read it by column, or limit it.`,
    {
      reason: 'SQL_TOO_MANY_ROWS',
      fields: { rowsMax: `${ROWS_MAX}` },
    },
  );
}

function concatenate(parts: readonly ColumnBatch[], column: number, rows: number): ColumnData {
  const pieces = parts.map((part) => part.columns[column]!);
  const first = pieces[0]?.values ?? [];
  const hasNulls = pieces.some((piece) => piece.validity !== null);
  const validity = hasNulls ? new Uint8Array((rows + 7) >> 3) : null;
  let values: ColumnValues;
  if (Array.isArray(first)) values = pieces.flatMap((piece) => piece.values as string[]);
  else {
    values = new (first.constructor as new (length: number) => ColumnValues)(rows);
    let at = 0;
    for (const piece of pieces) {
      (values as Float64Array).set(piece.values as Float64Array, at);
      at += piece.values.length;
    }
  }
  if (validity) copyValidity(validity, parts, pieces);
  return { values, validity };
}

function copyValidity(target: Uint8Array, parts: readonly ColumnBatch[], pieces: readonly ColumnData[]): void {
  let at = 0;
  for (const [i, piece] of pieces.entries()) {
    for (let r = 0; r < parts[i]!.rows; r++, at++) {
      const isValid = piece.validity === null || (piece.validity[r >> 3]! >> (r & 7)) & 1;
      if (isValid) target[at >> 3]! |= 1 << (at & 7);
    }
  }
}

/**
 * Interrupts the connection's statements when the signal fires, again and again until `stop` is called: an interrupt that comes
 * between two statements is lost.
 */
export function interruptOn(connection: DuckDBConnection, signal: AbortSignal | undefined): { stop(): void } {
  if (!signal) return { stop() {} };
  let timer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    timer = setInterval(() => connection.interrupt(), 20);
  };
  if (signal.aborted) interrupt();
  else signal.addEventListener('abort', interrupt, { once: true });
  return {
    stop() {
      signal.removeEventListener('abort', interrupt);
      clearInterval(timer);
    },
  };
}
