import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';

/**
 * Runs `fn` with no spans recorded for what it calls, now and later in its async context: for background loops (polling,
 * heartbeats, relays) that would otherwise fill the trace store with spans that belong to no request.
 */
export function withoutTracing<T>(fn: () => T): T {
  return context.with(suppressTracing(context.active()), fn);
}
