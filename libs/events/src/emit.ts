import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Clock, IdSource } from '@millrace/kernel';
import { AppError, createIdSource, invalidArgument, systemClock } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { injectTraceparent, withSpan } from '@millrace/telemetry';
import { SpanKind, trace } from '@opentelemetry/api';
import { checkSubject } from './subjects.ts';
import type { NewEvent, ReceivedEvent } from './types.ts';

/** The largest encoded message, in bytes: headers and data together stay below the 1 MiB that NATS takes by default. */
export const EVENT_DATA_MAX_BYTES = 1_000_000;
/** The longest resource name that orders events. */
const RESOURCE_MAX_LENGTH = 1000;

const tracer = trace.getTracer('@millrace/events');

/** Writes an event into the outbox of the transaction's schema. */
export type EmitEvent = <D extends DescMessage>(tx: Tx, event: NewEvent<D>) => Promise<void>;

/** Makes an {@link emitEvent} that takes ids and times from these sources, for reproducible runs. */
export function createEmitter(options: { readonly ids: IdSource; readonly clock: Clock }): EmitEvent {
  return async (tx, event) => {
    checkSubject(event.subject);
    checkResource(event.resource);
    const data = encode(event);
    const id = options.ids.next();
    const time = options.clock.now();
    const attributes = {
      'messaging.system': 'millrace',
      'messaging.operation.type': 'send',
      'messaging.destination.name': event.subject,
      'messaging.message.id': id,
      'messaging.message.body.size': data.length,
    };
    await withSpan(tracer, `send ${event.subject}`, { kind: SpanKind.PRODUCER, attributes }, async () => {
      const headers = { ...cloudEvent(event, id, time), ...injectTraceparent() };
      await tx.query('select emit_event($1, $2, $3, $4, $5, $6)', [
        id,
        event.subject,
        event.resource,
        time,
        headers,
        data,
      ]);
    });
  };
}

/**
 * Writes the event into the outbox of `tx`'s schema, in this very transaction: the only way to publish. It is delivered
 * if and only if the transaction commits. Events of one resource are delivered in the order of their commits; to that
 * end the transaction holds a lock of the resource from here to its end, so emit late. Two transactions that emit for the
 * same two resources in opposite order may deadlock, which `withTransaction` resolves by a retry.
 *
 * @throws AppError INVALID_ARGUMENT with reason `EVENT_TOO_LARGE` (more than 1,000,000 bytes), `EVENT_SUBJECT_INVALID`
 *   or `EVENT_RESOURCE_INVALID`.
 */
export const emitEvent: EmitEvent = createEmitter({ ids: createIdSource(), clock: systemClock });

/** The message of an event. Throws AppError DATA_LOSS `EVENT_UNREADABLE` when its bytes are not of this schema. */
export function decodeEvent<D extends DescMessage>(schema: D, event: ReceivedEvent): MessageShape<D> {
  try {
    return fromBinary(schema, event.data);
  } catch (cause) {
    throw new AppError('DATA_LOSS', `Event ${event.id} (${event.subject}) does not hold a ${schema.typeName}.`, {
      reason: 'EVENT_UNREADABLE',
      fields: { id: event.id, subject: event.subject, schema: schema.typeName },
      cause,
    });
  }
}

function encode<D extends DescMessage>({ schema, message, subject }: NewEvent<D>): Buffer {
  const whole = create(schema, message as MessageInitShape<D>);
  const data = toBinary(schema, whole);
  if (data.length <= EVENT_DATA_MAX_BYTES) return Buffer.from(data.buffer, data.byteOffset, data.length);
  throw invalidArgument('EVENT_TOO_LARGE', [
    {
      field: 'message',
      reason: 'EVENT_TOO_LARGE',
      description: `The message of ${subject} has ${data.length} bytes, more than ${EVENT_DATA_MAX_BYTES}. Put the data into the blob store and send its reference.`,
    },
  ]);
}

function checkResource(resource: string): void {
  if (resource.length > 0 && resource.length <= RESOURCE_MAX_LENGTH) return;
  throw invalidArgument('EVENT_RESOURCE_INVALID', [
    {
      field: 'resource',
      reason: 'EVENT_RESOURCE_INVALID',
      description: `A resource name has 1 to ${RESOURCE_MAX_LENGTH} characters, this one has ${resource.length}.`,
    },
  ]);
}

/** CloudEvents 1.0 attributes in the NATS protocol binding (binary mode), https://github.com/cloudevents/spec */
function cloudEvent(event: NewEvent, id: string, time: Date): Record<string, string> {
  return {
    'Nats-Msg-Id': id,
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-source': `/millrace/${event.subject.split('.')[1]}`,
    'ce-type': event.subject,
    'ce-subject': event.resource,
    'ce-time': time.toISOString(),
    'ce-dataschema': event.schema.typeName,
    'content-type': 'application/protobuf',
  };
}
