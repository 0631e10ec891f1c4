import type { Context, Span, SpanOptions, Tracer } from '@opentelemetry/api';
import { context, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';

/**
 * Runs `fn` in a new active span and ends it when `fn` has finished. What `fn` throws is thrown on; the span then has
 * the status ERROR and the error's message.
 */
export async function withSpan<T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions & { readonly parent?: Context },
  fn: (span: Span) => Promise<T> | T,
): Promise<T> {
  const parent = options.parent ?? context.active();
  const span = tracer.startSpan(name, options, parent);
  try {
    return await context.with(trace.setSpan(parent, span), fn, undefined, span);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    span.setAttribute('error.type', errorType(error));
    throw error;
  } finally {
    span.end();
  }
}

/** The W3C headers (`traceparent`, `tracestate`) of the active span; empty when none is active. */
export function injectTraceparent(from: Context = context.active()): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(from, headers);
  return headers;
}

/** The context that W3C headers carry, to be used as the parent of a span; the root context when they carry none. */
export function contextFromHeaders(headers: Readonly<Record<string, string | undefined>>): Context {
  return propagation.extract(ROOT_CONTEXT, headers);
}

/** A word of low cardinality for an error: its `reason`, or the name of its class. */
function errorType(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.name;
}
