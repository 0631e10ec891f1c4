import { AppError, invariant } from '@millrace/kernel';
import type pg from 'pg';
import { translateError } from './errors.ts';
import type { SpanTarget } from './spans.ts';
import { inSpan, operationOf } from './spans.ts';
import type { Queryable } from './types.ts';

/** What runs one statement: a pool or a client. */
type Runner = (sql: string, params: readonly unknown[] | undefined) => Promise<pg.QueryResult | pg.QueryResult[]>;

/** Makes a {@link Queryable} of something that runs statements; each statement is in a span. */
export function createQueryable(target: SpanTarget, runner: Runner): Queryable {
  const run = (sql: string, params: readonly unknown[] | undefined) =>
    inSpan(target, operationOf(sql), async () => {
      try {
        return await runner(sql, params);
      } catch (error) {
        throw translateError(error);
      }
    });

  const query = async <R extends object>(sql: string, params?: readonly unknown[]): Promise<R[]> => {
    const result = await run(sql, params);
    invariant(!Array.isArray(result), 'query() takes one statement; use execute() for several');
    return result.rows as R[];
  };

  return {
    query,
    async one<R extends object>(sql: string, params?: readonly unknown[]) {
      const rows = await query<R>(sql, params);
      invariant(rows.length === 1, `expected one row, got ${rows.length}: ${sql.slice(0, 200)}`);
      return rows[0] as R;
    },
    async maybeOne<R extends object>(sql: string, params?: readonly unknown[]) {
      const rows = await query<R>(sql, params);
      invariant(rows.length <= 1, `expected at most one row, got ${rows.length}: ${sql.slice(0, 200)}`);
      return rows[0];
    },
    async execute(sql, params) {
      const result = await run(sql, params);
      return [result].flat().reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0);
    },
  };
}

/**
 * One connection on which things happen strictly one after another (pg is about to refuse a second query on a busy
 * client). After `end` every further use fails.
 */
export class Session {
  readonly client: pg.ClientBase;
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(client: pg.ClientBase) {
    this.client = client;
  }

  /** Runs `work` when all that was asked before is done. */
  exclusively<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    if (this.#ended) {
      throw new AppError('INTERNAL', 'The transaction has ended. Await every statement before the work resolves.', {
        reason: 'TRANSACTION_ENDED',
      });
    }
    const result = this.#last.then(() => work(this.client));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Takes no more work; resolves when what was asked before is done. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#last;
  }

  /** A {@link Runner} over this session. */
  readonly run: Runner = (sql, params) =>
    this.exclusively((client) => client.query(sql, params as unknown[] | undefined));
}
