import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Database, Tx } from '@millrace/postgres';
import type { Logger } from '@millrace/telemetry';

/** What is emitted. */
export interface NewEvent<D extends DescMessage = DescMessage> {
  /** `millrace.<service>.v1.<resource>.<past-tense verb>`, for example `millrace.ingestion.v1.dataset_version.committed`. */
  readonly subject: string;
  /** The name of the resource that the event is about. Events of one resource are delivered in the order of their commits. */
  readonly resource: string;
  /** The schema of the message, from `@millrace/contracts`. */
  readonly schema: D;
  /** The fact. Large data does not travel here: send the reference of an object in the blob store. */
  readonly message: MessageShape<D> | MessageInitShape<D>;
}

/** An event as a handler gets it. */
export interface ReceivedEvent {
  /** Unique: also `Nats-Msg-Id` and `ce-id`. */
  readonly id: string;
  readonly subject: string;
  readonly resource: string;
  /** When it was emitted, by the emitter's clock. */
  readonly time: Date;
  /** 1 at the first delivery, one more at each further one. */
  readonly attempt: number;
  /** CloudEvents attributes `ce-*`, `Nats-Msg-Id`, `content-type`, `traceparent`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The encoded protobuf message; see `decodeEvent`. */
  readonly data: Uint8Array;
}

/** What a handler works with. */
export interface EventContext {
  /** The transaction in which the event's id has been recorded; all effects of the handler go through it. */
  readonly tx: Tx;
  /** Aborted when the consumer stops and the handler has not ended within its grace (10 s). */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** Something that runs until it is stopped. */
export interface Running {
  /** Takes no more work, waits for what is running, gives up its locks. Safe to call twice. */
  stop(): Promise<void>;
}

/** What to consume and how. */
export interface ConsumeOptions {
  /** The durable name, unique over the platform, for example `validation.dataset-versions`. Replicas share it. */
  readonly name: string;
  /** The service's database, whose schema holds the inbox (see `eventsMigrations`). */
  readonly database: Database;
  /** Exact subjects or patterns as in NATS: `*` stands for one token, a trailing `>` for one or more. Others are not delivered. */
  readonly subjects: readonly string[];
  readonly handler: (event: ReceivedEvent, context: EventContext) => Promise<void>;
  /** How many resources are handled at a time; each holds a connection of `database`. Default 4. */
  readonly concurrency?: number;
  /** Deliveries before an event is parked. Default 5. */
  readonly maxAttempts?: number;
  /** The pause after the first, second, … failure, in milliseconds; the last one repeats. Default 100, 1,000, 5,000, 30,000. */
  readonly backoffMs?: readonly number[];
  /** Where a consumer begins that the bus has not seen before. Default `beginning` (of what is retained). */
  readonly startAt?: 'beginning' | 'now';
}

/** Why a delivery failed: facts that are safe to show to an operator. */
export interface DeliveryError {
  /** The AppError's code, else `INTERNAL`. */
  readonly code: string;
  /** The AppError's reason, else the name of the error's class. */
  readonly reason: string;
  readonly message: string;
}

/** An event that was given up after `maxAttempts`. */
export interface ParkedEvent {
  readonly consumer: string;
  readonly event: ReceivedEvent;
  readonly error: DeliveryError;
  readonly parkedTime: Date;
}

/** What one consumer has done in this process, and how far behind it is. */
export interface ConsumerStats {
  readonly name: string;
  /** Events whose effect was committed by this bus instance. */
  readonly delivered: number;
  /** Events that came again after their effect had been committed and were left out. */
  readonly duplicates: number;
  readonly retried: number;
  readonly parked: number;
  /** Events of its subjects in the log beyond its durable position: all that may still be delivered. */
  readonly lag: number;
  /** The age of the oldest of these, in milliseconds; 0 when there is none. */
  readonly oldestAgeMs: number;
}

/** Counters of this bus instance since it was made, and the lag of each durable consumer. */
export interface EventStats {
  /** Events that relays of this instance have put on the bus. */
  readonly published: number;
  readonly consumers: readonly ConsumerStats[];
}

/**
 * The seam between services and what carries their events. The contract suite `@millrace/events/contract` says what an
 * adapter promises: at least once, in commit order per resource, effects exactly once through the inbox.
 */
export interface EventBus {
  /**
   * Starts the relay of the outbox in `database`'s schema. One relay of a service works at a time over all processes;
   * the others stand by and take over within a second or so.
   */
  startRelay(database: Database, service: string): Promise<Running>;
  /**
   * Consumes under a durable name. The handler's writes go through `context.tx`, in which the event's id has been
   * recorded: a second delivery finds it and has no effect. A handler that throws is called again after a pause; later
   * events of the same resource wait behind it, others move on. After `maxAttempts` the event is parked with its error
   * and the later events of its resource go on without it. Rejects with INVALID_ARGUMENT when an option is not valid.
   */
  consume(options: ConsumeOptions): Promise<Running>;
  stats(): Promise<EventStats>;
  /** Parked events, of one consumer or of all, oldest first; at most 1,000. */
  listParked(consumer?: string): Promise<ParkedEvent[]>;
  /** Has a parked event delivered again, with all its attempts. NOT_FOUND `PARKED_EVENT_NOT_FOUND` when it is not parked. */
  replayParked(consumer: string, eventId: string): Promise<void>;
  /** Stops relays and consumers of this instance. The database that it was given stays open. */
  close(): Promise<void>;
}
