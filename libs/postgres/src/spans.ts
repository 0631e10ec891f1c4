import type { Attributes } from '@opentelemetry/api';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { sqlState } from './errors.ts';

/** Names the database in spans. */
export interface SpanTarget {
  /** `<database>|<schema>`, as the semantic conventions ask for PostgreSQL. */
  readonly namespace: string;
  readonly host: string;
  readonly port: number;
}

const tracer = trace.getTracer('@millrace/postgres');

/** The first word of a statement in upper case, for example `SELECT`: the operation's name in spans. */
export function operationOf(sql: string): string {
  return /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase() ?? 'QUERY';
}

/**
 * Runs `work` in a client span with the attributes of
 * https://opentelemetry.io/docs/specs/semconv/database/postgresql/. Neither statement nor values are recorded, and of
 * a failure only its SQLSTATE, since messages of the server may quote values.
 */
export function inSpan<T>(target: SpanTarget, operation: string, work: () => Promise<T>): Promise<T> {
  const attributes: Attributes = {
    'db.system.name': 'postgresql',
    'db.operation.name': operation,
    'db.namespace': target.namespace,
    'server.address': target.host,
    'server.port': target.port,
  };
  return tracer.startActiveSpan(
    `${operation} ${target.namespace}`,
    { kind: SpanKind.CLIENT, attributes },
    async (span) => {
      try {
        return await work();
      } catch (error) {
        const state = sqlState(error);
        if (state) span.setAttribute('db.response.status_code', state);
        span.setAttribute('error.type', state ?? (error instanceof Error ? error.name : 'unknown'));
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    },
  );
}
