import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@millrace/kernel';
import type { Database, Tx } from '@millrace/postgres';
import type { Logger } from '@millrace/telemetry';
import { withoutTracing } from '@millrace/telemetry';

/** How often waiting locks are tried again and the session is asked whether it lives, in milliseconds. */
const POLL_MS = 500;
const RECONNECT_MS = 200;

/** A lock that is ours until it is released or its session is lost. */
export interface HeldLock {
  /** Aborted when the session that holds the lock has been lost: another process may have the lock already. */
  readonly lost: AbortSignal;
  /** Gives the lock up; resolves when the server knows. */
  release(): Promise<void>;
}

interface Waiter {
  readonly name: string;
  readonly signal: AbortSignal;
  readonly grant: (lock: HeldLock | undefined) => void;
}

/**
 * Named advisory locks held by one database session, for "one active replica": when the process or its connection dies,
 * the server frees them at once and another process gets them within {@link POLL_MS}. All locks of an instance share one
 * connection, which is taken while any lock is held or waited for.
 */
export class SessionLocks {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #held = new Map<string, AbortController>();
  readonly #releasing = new Map<string, () => void>();
  #waiting: Waiter[] = [];
  #session: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(database: Database, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
  }

  /** Waits for the lock; resolves to undefined when `signal` is aborted first. */
  acquire(name: string, signal: AbortSignal): Promise<HeldLock | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<HeldLock | undefined>();
    const waiter: Waiter = { name, signal, grant: resolve };
    this.#waiting.push(waiter);
    const cancel = () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiter);
      resolve(undefined);
      this.#wake();
    };
    signal.addEventListener('abort', cancel, { once: true });
    void promise.then(() => signal.removeEventListener('abort', cancel));
    this.#session ??= withoutTracing(() => this.#run());
    this.#wake();
    return promise;
  }

  /** Resolves when nothing is held or waited for any more and the connection has been given back. */
  async idle(): Promise<void> {
    await this.#session;
  }

  get #isNeeded(): boolean {
    return this.#held.size + this.#waiting.length + this.#releasing.size > 0;
  }

  async #run(): Promise<void> {
    while (this.#isNeeded) {
      let pid: number | undefined;
      try {
        await this.#database.withTransaction(
          async (tx) => {
            ({ pid } = await tx.one<{ pid: number }>(
              `select pg_backend_pid() pid, set_config('idle_in_transaction_session_timeout', '0', true)`,
            ));
            await this.#serve(tx);
          },
          { retries: 0 },
        );
      } catch (error) {
        this.#logger.warn('the session that holds the locks of the event bus was lost', { err: error });
        this.#loseAll(messageOf(error));
        // Session locks outlive a failed transaction: make sure that the connection does not go on holding them.
        if (pid) await this.#database.query('select pg_terminate_backend($1)', [pid]).catch(() => undefined);
        await sleep(RECONNECT_MS);
      }
    }
    this.#session = undefined;
  }

  async #serve(tx: Tx): Promise<void> {
    while (this.#isNeeded) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await this.#unlockReleased(tx);
      await this.#tryWaiting(tx);
      if (!this.#isNeeded) break;
      const timer = setTimeout(this.#wake, POLL_MS);
      await woken;
      clearTimeout(timer);
    }
  }

  async #unlockReleased(tx: Tx): Promise<void> {
    for (const [name, done] of [...this.#releasing]) {
      await tx.query('select pg_advisory_unlock(hashtextextended($1, 0))', [this.#key(name)]);
      this.#releasing.delete(name);
      done();
    }
  }

  /** Also the sign of life of the session: a lost connection makes the statement fail. */
  async #tryWaiting(tx: Tx): Promise<void> {
    const names = [...new Set(this.#waiting.map(({ name }) => name))].filter((name) => !this.#held.has(name));
    const rows = await tx.query<{ name: string; mine: boolean }>(
      `select name, pg_try_advisory_lock(hashtextextended($1 || name, 0)) mine from unnest($2::text[]) name`,
      [this.#key(''), names],
    );
    for (const { name, mine } of rows) {
      if (mine) await this.#grant(tx, name);
    }
  }

  async #grant(tx: Tx, name: string): Promise<void> {
    const waiter = this.#waiting.find((other) => other.name === name);
    if (!waiter) {
      await tx.query('select pg_advisory_unlock(hashtextextended($1, 0))', [this.#key(name)]);
      return;
    }
    this.#waiting = this.#waiting.filter((other) => other !== waiter);
    const lost = new AbortController();
    this.#held.set(name, lost);
    waiter.grant({ lost: lost.signal, release: () => this.#release(name, lost) });
  }

  async #release(name: string, lost: AbortController): Promise<void> {
    if (this.#held.get(name) !== lost) return;
    this.#held.delete(name);
    await new Promise<void>((resolve) => {
      this.#releasing.set(name, resolve);
      this.#wake();
    });
  }

  #loseAll(reason: string): void {
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const done of this.#releasing.values()) done();
    this.#releasing.clear();
    for (const lost of held) lost.abort(new Error(`lock lost: ${reason}`));
  }

  #key(name: string): string {
    return `${this.#database.schema} lock ${name}`;
  }
}
