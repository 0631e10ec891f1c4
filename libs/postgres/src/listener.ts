import { AppError } from '@millrace/kernel';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import pg from 'pg';
import type { Subscription } from './types.ts';

const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 5000;
/** How often a silent connection is asked whether it lives, and how long it may take to answer. */
const HEARTBEAT_MS = 30_000;
const HEARTBEAT_TIMEOUT_MS = 10_000;

type OnNotify = (payload: string) => void;

/**
 * LISTEN for many channels over one dedicated connection, which is made at the first subscription and made again, with
 * jittered back-off and without end, whenever it is lost. After each reconnect all listeners are called with ''.
 */
export class Listener {
  readonly #config: pg.ClientConfig;
  readonly #channels = new Map<string, Set<OnNotify>>();
  #connection: Promise<pg.Client> | undefined;
  #closed = false;
  readonly #abort = new AbortController();
  /** LISTEN and UNLISTEN happen one after another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(config: pg.ClientConfig) {
    this.#config = config;
  }

  /** See `Database.listen`. */
  async listen(channel: string, onNotify: OnNotify): Promise<Subscription> {
    this.#assertOpen();
    const own: OnNotify = (payload) => onNotify(payload);
    const listeners = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, listeners.add(own));
    // A connection that is lost before the LISTEN is made again by `#connect`, which listens to all known channels.
    this.#connection ??= this.#connect(0);
    await this.#exclusively(async () => {
      const client = await this.#connection;
      await client?.query(`listen ${pg.escapeIdentifier(channel)}`).catch(() => this.#connection);
    });
    return { close: () => this.#unsubscribe(channel, own) };
  }

  /** Ends everything; pending `listen` calls reject. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#channels.clear();
    this.#abort.abort();
    const client = await this.#connection?.catch(() => undefined);
    await client?.end().catch(() => undefined);
  }

  async #unsubscribe(channel: string, own: OnNotify): Promise<void> {
    const listeners = this.#channels.get(channel);
    if (!listeners?.delete(own) || listeners.size > 0) return;
    this.#channels.delete(channel);
    await this.#exclusively(async () => {
      if (this.#closed || this.#channels.has(channel)) return;
      const client = await this.#connection;
      await client?.query(`unlisten ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
    });
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #connect(attempt: number): Promise<pg.Client> {
    for (let n = attempt; ; n++) {
      if (n > 0) await this.#pause(n);
      this.#assertOpen();
      const client = new pg.Client(this.#config);
      try {
        await this.#open(client);
        return client;
      } catch {
        client.removeAllListeners('end');
        await client.end().catch(() => undefined);
      }
    }
  }

  async #open(client: pg.Client): Promise<void> {
    client.on('error', () => undefined); // 'end' follows
    client.on('notification', ({ channel, payload }) => this.#deliver(this.#channels.get(channel), payload ?? ''));
    await client.connect();
    for (const channel of this.#channels.keys()) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    const heartbeat = setInterval(() => void this.#checkAlive(client), HEARTBEAT_MS).unref();
    client.once('end', () => {
      clearInterval(heartbeat);
      if (!this.#closed) this.#reconnect();
    });
  }

  #reconnect(): void {
    const connection = this.#connect(1);
    this.#connection = connection;
    connection.then(
      () => {
        for (const listeners of this.#channels.values()) this.#deliver(listeners, '');
      },
      () => undefined, // closed meanwhile
    );
  }

  /** A listener that throws is a bug: it surfaces as an uncaught exception and does not keep others from being called. */
  #deliver(listeners: ReadonlySet<OnNotify> | undefined, payload: string): void {
    for (const onNotify of listeners ?? []) {
      context.with(ROOT_CONTEXT, () => queueMicrotask(() => listeners?.has(onNotify) && onNotify(payload)));
    }
  }

  async #checkAlive(client: pg.Client): Promise<void> {
    const socket = (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;
    const timer = setTimeout(() => socket.destroy(), HEARTBEAT_TIMEOUT_MS);
    await this.#exclusively(() => client.query('select 1')).catch(() => undefined);
    clearTimeout(timer);
  }

  #pause(attempt: number): Promise<void> {
    const limitMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** attempt);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs * (0.5 + Math.random() / 2));
      this.#abort.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #assertOpen(): void {
    if (this.#closed) throw new AppError('CANCELLED', 'The database was closed.', { reason: 'DATABASE_CLOSED' });
  }
}
