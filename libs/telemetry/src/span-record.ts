import type { Attributes, HrTime } from '@opentelemetry/api';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

/** Something that happened within a span. */
export interface SpanEventRecord {
  readonly name: string;
  /** Microseconds since 1970-01-01T00:00:00Z. */
  readonly timeUnixUs: number;
  readonly attributes: Attributes;
}

/** Another span that this one has to do with, for example the one that published the event being handled. */
export interface SpanLinkRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

/** One finished span as it is kept in the span files: a line of JSON. */
export interface SpanRecord {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Left out for the root of a trace. */
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER';
  /** The service that did the work, for example `ingestion`. */
  readonly service: string;
  /** Microseconds since 1970-01-01T00:00:00Z. */
  readonly startUnixUs: number;
  /** Microseconds. */
  readonly durationUs: number;
  readonly status: 'UNSET' | 'OK' | 'ERROR';
  readonly statusMessage?: string;
  readonly attributes: Attributes;
  readonly events: readonly SpanEventRecord[];
  readonly links: readonly SpanLinkRecord[];
}

const KINDS: Readonly<Record<SpanKind, SpanRecord['kind']>> = {
  [SpanKind.INTERNAL]: 'INTERNAL',
  [SpanKind.SERVER]: 'SERVER',
  [SpanKind.CLIENT]: 'CLIENT',
  [SpanKind.PRODUCER]: 'PRODUCER',
  [SpanKind.CONSUMER]: 'CONSUMER',
};

const STATUSES: Readonly<Record<SpanStatusCode, SpanRecord['status']>> = {
  [SpanStatusCode.UNSET]: 'UNSET',
  [SpanStatusCode.OK]: 'OK',
  [SpanStatusCode.ERROR]: 'ERROR',
};

/** The record of a finished span. */
export function toSpanRecord(span: ReadableSpan): SpanRecord {
  const { traceId, spanId } = span.spanContext();
  const service = span.attributes['service.name'] ?? span.resource.attributes['service.name'] ?? 'unknown';
  return {
    traceId,
    spanId,
    ...(span.parentSpanContext && { parentSpanId: span.parentSpanContext.spanId }),
    name: span.name,
    kind: KINDS[span.kind],
    service: String(service),
    startUnixUs: toMicroseconds(span.startTime),
    durationUs: toMicroseconds(span.duration),
    status: STATUSES[span.status.code],
    ...(span.status.message !== undefined && { statusMessage: span.status.message }),
    attributes: span.attributes,
    events: span.events.map((e) => ({
      name: e.name,
      timeUnixUs: toMicroseconds(e.time),
      attributes: e.attributes ?? {},
    })),
    links: span.links.map((l) => ({
      traceId: l.context.traceId,
      spanId: l.context.spanId,
      attributes: l.attributes ?? {},
    })),
  };
}

function toMicroseconds([seconds, nanoseconds]: HrTime): number {
  return seconds * 1_000_000 + Math.round(nanoseconds / 1000);
}
