import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '@millrace/kernel';
import type pg from 'pg';
import { isRetryable, translateError } from './errors.ts';
import { createQueryable, Session } from './session.ts';
import type { SpanTarget } from './spans.ts';
import { inSpan } from './spans.ts';
import type { TransactionOptions, Tx } from './types.ts';

const RETRIES_DEFAULT = 5;
/** Back-off before try n: uniform in [0, min(cap, base · 2^n)), "full jitter" as in https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ */
const BACKOFF_BASE_MS = 10;
const BACKOFF_CAP_MS = 1000;

const sessions = new WeakMap<Tx, Session>();

/** The connection of a transaction, for COPY. */
export function sessionOf(tx: Tx): Session | undefined {
  return sessions.get(tx);
}

/** Marks the async context of a running transaction; `active` turns false when it ends, since contexts outlive it. */
interface Scope {
  active: boolean;
}

/** Runs transactions on the connections of one pool. */
export class Transactions {
  readonly #pool: pg.Pool;
  readonly #schema: string;
  readonly #target: SpanTarget;
  readonly #scope = new AsyncLocalStorage<Scope>();

  constructor(pool: pg.Pool, schema: string, target: SpanTarget) {
    this.#pool = pool;
    this.#schema = schema;
    this.#target = target;
  }

  /** Throws AppError INTERNAL `NESTED_TRANSACTION` when the calling async context already holds a connection. */
  assertOutside(): void {
    if (!this.#scope.getStore()?.active) return;
    throw new AppError(
      'INTERNAL',
      `A second connection of the database (schema "${this.#schema}") was asked for inside a transaction. Use the \`tx\` that the transaction was given.`,
      { reason: 'NESTED_TRANSACTION', fields: { schema: this.#schema } },
    );
  }

  /** See `Database.withTransaction`. */
  async run<T>(work: (tx: Tx) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    this.assertOutside();
    return await inSpan(this.#target, 'TRANSACTION', async () => {
      const retries = options.retries ?? RETRIES_DEFAULT;
      for (let attempt = 0; ; attempt++) {
        try {
          return await this.#tryOnce(work, options);
        } catch (error) {
          if (!isRetryable(error) || attempt >= retries) throw translateError(error);
          await backOff(attempt);
        }
      }
    });
  }

  async #tryOnce<T>(work: (tx: Tx) => Promise<T>, options: TransactionOptions): Promise<T> {
    const client = await this.#pool.connect();
    const ignoreLoss = () => undefined; // the statement that is running reports the loss
    client.on('error', ignoreLoss);
    const session = new Session(client);
    const callbacks: (() => void)[] = [];
    let broken: Error | undefined;
    let result: T;
    try {
      await client.query(beginSql(options));
      const tx = this.#createTx(session, callbacks);
      result = await this.#inScope(() => work(tx));
      await session.end();
      await commit(client);
    } catch (error) {
      await session.end();
      await client.query('rollback').catch((failure: Error) => {
        broken = failure;
      });
      throw error;
    } finally {
      client.off('error', ignoreLoss);
      client.release(broken);
    }
    for (const callback of callbacks) callback();
    return result;
  }

  async #inScope<T>(work: () => Promise<T>): Promise<T> {
    const scope: Scope = { active: true };
    try {
      return await this.#scope.run(scope, work);
    } finally {
      scope.active = false;
    }
  }

  #createTx(session: Session, callbacks: (() => void)[]): Tx {
    const tx: Tx = {
      ...createQueryable(this.#target, session.run),
      schema: this.#schema,
      afterCommit: (fn) => void callbacks.push(fn),
    };
    sessions.set(tx, session);
    return tx;
  }
}

function beginSql({ isolation, synchronousCommit }: TransactionOptions): string {
  const begin = isolation ? `begin isolation level ${isolation}` : 'begin';
  return synchronousCommit === false ? `${begin}; set local synchronous_commit = off` : begin;
}

/** A commit of a transaction in which a statement had failed answers ROLLBACK instead of an error. */
async function commit(client: pg.ClientBase): Promise<void> {
  const { command } = await client.query('commit');
  if (command === 'COMMIT') return;
  throw new AppError(
    'INTERNAL',
    'The transaction was rolled back because one of its statements had failed and the failure was swallowed.',
    { reason: 'TRANSACTION_ABORTED' },
  );
}

function backOff(attempt: number): Promise<void> {
  const ms = Math.random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** attempt);
  return new Promise((resolve) => setTimeout(resolve, ms));
}
