import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Subscription } from '@millrace/postgres';
import type { Logger } from '@millrace/telemetry';
import { withoutTracing } from '@millrace/telemetry';
import type { SessionLocks } from './locks.ts';
import type { Running } from './types.ts';
import { Wake } from './wake.ts';

/** Most events moved in one transaction. */
const BATCH = 100;
/** Notifications wake the relay at once; this is a safety net only, in milliseconds. */
const IDLE_CHECK_MS = 5000;
const RETRY_MS = 300;

/** What a relay works with. */
export interface RelayDeps {
  /** The bus's database. */
  readonly bus: Database;
  readonly locks: SessionLocks;
  readonly logger: Logger;
  readonly onPublished: (count: number) => void;
}

interface OutboxRow {
  readonly sequence: number;
  readonly id: string;
  readonly subject: string;
  readonly resource: string;
  readonly time: Date;
  readonly headers: object;
  readonly data: Buffer;
}

/**
 * Moves the events of one service's outbox to the log, in order, one relay at a time over all processes. When both are in
 * one database a move is one transaction; otherwise events are appended first and deleted after, so that a crash between
 * repeats an append, which the log leaves out by the event's id.
 */
export class Relay implements Running {
  readonly #deps: RelayDeps;
  readonly #database: Database;
  readonly #stop = new AbortController();
  readonly #wake = new Wake();
  #subscription: Subscription | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(deps: RelayDeps, database: Database) {
    this.#deps = deps;
    this.#database = database;
  }

  /** Listens, then works in the background. */
  async start(): Promise<void> {
    this.#subscription = await this.#database.listen(`${this.#database.schema}_outbox`, () => this.#wake.wake());
    this.#done = withoutTracing(() => this.#run());
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.wake();
    await this.#subscription?.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const lock = await this.#deps.locks.acquire(`relay ${this.#database.schema}`, this.#stop.signal);
      if (!lock) return;
      try {
        await this.#relay(AbortSignal.any([this.#stop.signal, lock.lost]));
      } catch (error) {
        this.#deps.logger.warn('relay failed; trying again', { err: error, schema: this.#database.schema });
        await sleep(RETRY_MS);
      } finally {
        await lock.release();
      }
    }
  }

  async #relay(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#wake.wake();
    signal.addEventListener('abort', onAbort);
    const move = (await this.#isSameDatabase()) ? () => this.#moveLocally() : () => this.#moveAcross();
    try {
      while (!signal.aborted) {
        this.#wake.reset();
        const moved = await move();
        if (moved > 0) this.#deps.onPublished(moved);
        if (moved < BATCH) await this.#wake.wait(IDLE_CHECK_MS);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #isSameDatabase(): Promise<boolean> {
    const { bus } = this.#deps;
    const { id } = await bus.one<{ id: string }>('select id from bus_identity');
    const name = `"${bus.schema}".bus_identity`;
    const known = await this.#database.one<{ regclass: string | null }>('select to_regclass($1)::text regclass', [
      name,
    ]);
    if (known.regclass === null) return false;
    return (await this.#database.maybeOne(`select 1 from ${name} where id = $1`, [id])) !== undefined;
  }

  async #moveLocally(): Promise<number> {
    const sql = 'select relay_outbox($1, $2) moved';
    return (await this.#database.one<{ moved: number }>(sql, [this.#deps.bus.schema, BATCH])).moved;
  }

  async #moveAcross(): Promise<number> {
    const rows = await this.#database.query<OutboxRow>(
      'select sequence, id, subject, resource, time, headers, data from outbox order by sequence limit $1',
      [BATCH],
    );
    if (rows.length === 0) return 0;
    const column = <K extends keyof OutboxRow>(key: K): OutboxRow[K][] => rows.map((row) => row[key]);
    await this.#deps.bus.query('select append_events($1, $2, $3, $4, $5, $6)', [
      column('id'),
      column('subject'),
      column('resource'),
      column('time'),
      rows.map((row) => JSON.stringify(row.headers)),
      column('data'),
    ]);
    await this.#database.execute('delete from outbox where sequence = any($1)', [column('sequence')]);
    return rows.length;
  }
}
