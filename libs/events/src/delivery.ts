import { isAppError, messageOf } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { contextFromHeaders, withoutTracing, withSpan } from '@millrace/telemetry';
import { SpanKind, trace } from '@opentelemetry/api';
import type { CheckedConsumeOptions } from './consumeOptions.ts';
import type { ConsumerDeps } from './consumerDeps.ts';
import type { Outcome } from './resourceQueue.ts';
import type { LoggedEvent } from './store.ts';
import { clearFailure, parkEvent, saveFailure } from './store.ts';
import type { DeliveryError, ReceivedEvent } from './types.ts';

/** The pause before trying again what failed for want of the database, in milliseconds. It does not count as an attempt. */
const DATABASE_RETRY_MS = 1000;
const ERROR_MESSAGE_MAX_LENGTH = 2000;

const tracer = trace.getTracer('@millrace/events');

/** One event on its way to its handler. */
export interface Delivery {
  readonly event: LoggedEvent;
  /** The attempt that comes next, from 1. */
  attempt: number;
  /** Whether it was parked and is delivered again by request. */
  readonly isReplay: boolean;
}

/** Runs the handler of one consumer, with the inbox, attempts, parking, spans and counters around it. */
export class Deliverer {
  readonly #deps: ConsumerDeps;
  readonly #options: CheckedConsumeOptions;
  readonly #signal: AbortSignal;
  readonly #over: AbortSignal;

  /** `signal` is the handlers'; once `over` is aborted, failures are not counted, since another replica takes over. */
  constructor(deps: ConsumerDeps, options: CheckedConsumeOptions, signal: AbortSignal, over: AbortSignal) {
    this.#deps = deps;
    this.#options = options;
    this.#signal = signal;
    this.#over = over;
  }

  /** Never rejects. */
  async deliver(delivery: Delivery): Promise<Outcome> {
    const { event, attempt, isReplay } = delivery;
    const { metrics, bus } = this.#deps;
    try {
      const isNew = await this.#handle(event, attempt);
      metrics.count(isNew ? 'delivered' : 'duplicates');
      if (attempt > 1 || isReplay) await clearFailure(bus, this.#options.name, event.id);
      return 'done';
    } catch (error) {
      if (this.#over.aborted) return { retryAfterMs: DATABASE_RETRY_MS };
      return await this.#fail(delivery, error);
    }
  }

  /** False when the event's effect had been committed before. */
  async #handle(event: LoggedEvent, attempt: number): Promise<boolean> {
    const { name, database, handler } = this.#options;
    const attributes = {
      'messaging.system': 'millrace',
      'messaging.operation.type': 'process',
      'messaging.destination.name': event.subject,
      'messaging.consumer.group.name': name,
      'messaging.message.id': event.id,
      'millrace.event.attempt': attempt,
    };
    const parent = contextFromHeaders(event.headers);
    return await withSpan(tracer, `process ${event.subject}`, { kind: SpanKind.CONSUMER, attributes, parent }, () =>
      database.withTransaction(async (tx) => {
        if (!(await recordInInbox(tx, name, event.id))) return false;
        this.#deps.metrics.observeAge(event.time);
        const logger = this.#deps.logger.child({ consumer: name, eventId: event.id, subject: event.subject });
        await handler(toReceived(event, attempt), { tx, signal: this.#signal, logger });
        return true;
      }),
    );
  }

  async #fail(delivery: Delivery, cause: unknown): Promise<Outcome> {
    const { event, attempt } = delivery;
    const { name, maxAttempts, backoffMs } = this.#options;
    const { bus, logger, metrics } = this.#deps;
    if (isAppError(cause) && cause.reason === 'DATABASE_UNAVAILABLE') return { retryAfterMs: DATABASE_RETRY_MS };
    const facts = { err: cause, consumer: name, eventId: event.id, subject: event.subject, attempt };
    const error = describe(cause);
    try {
      if (attempt >= maxAttempts) {
        logger.error('event parked: its handler failed for the last time', facts);
        await parkEvent(bus, name, event, attempt, error);
        metrics.count('parked');
        return 'done';
      }
      const delayMs = backoffMs[Math.min(attempt, backoffMs.length) - 1] ?? 0;
      logger.warn('event handler failed; trying again', { ...facts, delayMs });
      await saveFailure(bus, name, { eventId: event.id, attempt, delayMs, error });
      delivery.attempt += 1;
      metrics.count('retried');
      return { retryAfterMs: delayMs };
    } catch (failure) {
      logger.warn('the failure of an event could not be recorded; trying the event again', { ...facts, err: failure });
      return { retryAfterMs: DATABASE_RETRY_MS };
    }
  }
}

/**
 * Records the event in the handler's transaction; false when it is there already. Waits for another transaction that is
 * recording it. A handler may be slow between statements, hence no idle timeout.
 */
async function recordInInbox(tx: Tx, consumer: string, eventId: string): Promise<boolean> {
  const rows = await withoutTracing(() =>
    tx.query(
      `insert into inbox (consumer, event_id) values ($1, $2) on conflict do nothing
       returning set_config('idle_in_transaction_session_timeout', '0', true)`,
      [consumer, eventId],
    ),
  );
  return rows.length > 0;
}

function toReceived({ position: _, ...event }: LoggedEvent, attempt: number): ReceivedEvent {
  return { ...event, attempt };
}

function describe(error: unknown): DeliveryError {
  const message = messageOf(error).slice(0, ERROR_MESSAGE_MAX_LENGTH);
  if (isAppError(error)) return { code: error.code, reason: error.reason, message };
  return { code: 'INTERNAL', reason: error instanceof Error ? error.name : 'UNKNOWN', message };
}
