import type { Attributes, Context, Histogram, Meter, Span, Tracer } from '@opentelemetry/api';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { statusName } from './codes.ts';

/** The part of `Telemetry` that calls need. */
export interface CallTelemetry {
  readonly tracer: Tracer;
  readonly meter: Meter;
}

/** Bounds of the duration histograms, in seconds, as the semantic conventions advise. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Codes that count as a failure of the server (https://opentelemetry.io/docs/specs/semconv/rpc/grpc/). */
const SERVER_FAULTS: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);

/** A call under observation. */
export interface ObservedCall {
  readonly span: Span;
  /** The context that has the span. */
  readonly context: Context;
  /** Ends the span and records the duration; `code` is a gRPC status number. */
  end(code: number, reason?: string): void;
}

/** Makes spans and duration metrics of calls by OpenTelemetry's RPC conventions. */
export class CallObserver {
  readonly #tracer: Tracer;
  readonly #duration: Histogram;
  readonly #kind: SpanKind.SERVER | SpanKind.CLIENT;

  constructor(telemetry: CallTelemetry, side: 'server' | 'client') {
    this.#tracer = telemetry.tracer;
    this.#kind = side === 'server' ? SpanKind.SERVER : SpanKind.CLIENT;
    this.#duration = telemetry.meter.createHistogram(`rpc.${side}.call.duration`, {
      unit: 's',
      description: `Duration of ${side === 'server' ? 'inbound' : 'outbound'} calls.`,
      advice: { explicitBucketBoundaries: DURATION_BOUNDS },
    });
  }

  /** Begins to observe a call of `method`, for example `millrace.testing.v1.EchoService/Echo`. */
  start(method: string, attributes: Attributes, parent: Context = context.active()): ObservedCall {
    const startedMs = performance.now();
    const common = { 'rpc.system.name': 'grpc', 'rpc.method': method };
    const span = this.#tracer.startSpan(method, { kind: this.#kind, attributes: { ...common, ...attributes } }, parent);
    return {
      span,
      context: trace.setSpan(parent, span),
      end: (code, reason) => {
        const status = statusName(code);
        const isFault = this.#kind === SpanKind.CLIENT ? code !== 0 : SERVER_FAULTS.has(code);
        span.setAttribute('rpc.response.status_code', status);
        if (code !== 0) span.setAttribute('error.type', reason ?? status);
        if (isFault) span.setStatus({ code: SpanStatusCode.ERROR, message: reason ?? status });
        span.end();
        this.#duration.record((performance.now() - startedMs) / 1000, {
          ...common,
          'rpc.response.status_code': status,
        });
      },
    };
  }
}
