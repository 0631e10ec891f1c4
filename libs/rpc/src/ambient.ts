import { AsyncLocalStorage } from 'node:async_hooks';

/** The server call that the running code works for. Calls it makes inherit its deadline, cancellation and caller. */
export interface AmbientCall {
  /** Milliseconds since 1970. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly callerId: string | undefined;
}

const storage = new AsyncLocalStorage<AmbientCall | undefined>();

/** The server call that the running code works for, if any. */
export function ambientCall(): AmbientCall | undefined {
  return storage.getStore();
}

/** Runs `fn` on behalf of a server call. */
export function withAmbientCall<T>(call: AmbientCall, fn: () => T): T {
  return storage.run(call, fn);
}

/**
 * Runs `fn` on nobody's behalf: what it calls does not end with the server call that started it. For work that goes on
 * after the answer, such as a job that a handler starts.
 */
export function withoutAmbientCall<T>(fn: () => T): T {
  return storage.run(undefined, fn);
}
