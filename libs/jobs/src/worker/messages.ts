import type { ErrorCode, FieldViolation } from '@millrace/kernel';
import { AppError, isAppError, messageOf } from '@millrace/kernel';

/** An error as it crosses the border between threads. */
export interface SentError {
  readonly message: string;
  readonly name: string;
  readonly stack: string | undefined;
  /** Set for an AppError. */
  readonly app?: {
    readonly code: ErrorCode;
    readonly reason: string;
    readonly fields: Readonly<Record<string, string>>;
    readonly violations: readonly FieldViolation[];
    readonly retryAfterMs: number | undefined;
  };
}

/** What the worker tells. */
export type FromWorker =
  | { readonly kind: 'progress'; readonly value: unknown }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: SentError };

/** What the worker is started with. */
export interface WorkerData {
  readonly moduleUrl: string;
  readonly exportName: string;
  readonly input: unknown;
}

/** Takes an error apart; the structured clone would drop its own properties. */
export function sendError(error: unknown): SentError {
  const sent = {
    message: messageOf(error),
    name: error instanceof Error ? error.name : 'Error',
    stack: error instanceof Error ? error.stack : undefined,
  };
  if (!isAppError(error)) return sent;
  const { code, reason, fields, violations, retryAfterMs } = error;
  return { ...sent, app: { code, reason, fields, violations, retryAfterMs } };
}

/** Makes the error again: an AppError stays one. */
export function receiveError({ message, name, stack, app }: SentError): Error {
  if (app) {
    const { retryAfterMs, ...options } = app;
    return new AppError(app.code, message, retryAfterMs === undefined ? options : { ...options, retryAfterMs });
  }
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** The buffers in plain objects, arrays and views, each once: what can be handed over without a copy. */
export function buffersIn(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  const seen = new Set<object>();
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null || seen.has(part)) return;
    seen.add(part);
    if (part instanceof ArrayBuffer) found.add(part);
    // A small Buffer is a view of a pool that others use.
    else if (ArrayBuffer.isView(part)) {
      if (part.buffer instanceof ArrayBuffer && part.byteLength === part.buffer.byteLength) found.add(part.buffer);
    } else for (const member of part instanceof Map ? part.values() : Object.values(part)) visit(member);
  };
  visit(value);
  return [...found];
}
