import type { Metadata } from '@grpc/grpc-js';
import type { AppError } from '@millrace/kernel';
import { cancelledError, deadlineError } from './abort.ts';
import type { CallContext } from './service.ts';

/** The header that names who asks; set by the gateway, passed on from call to call. */
export const CALLER_ID_HEADER = 'millrace-caller-id';

/** The parts of a grpc-js server call that do not depend on its kind. */
export interface SurfaceCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getPeer(): string;
  getDeadline(): Date | number;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** One running server call: its deadline, its cancellation and what its handler is told. */
export class ServerCall implements CallContext {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  readonly #call: SurfaceCall;
  readonly #method: string;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  #metadata: ReadonlyMap<string, string> | undefined;
  #isDone = false;

  /** `defaultTimeoutMs` holds when the caller set no deadline; Infinity for calls that may last for ever. */
  constructor(call: SurfaceCall, method: string, defaultTimeoutMs: number) {
    this.#call = call;
    this.#method = method;
    this.signal = this.#controller.signal;
    const now = Date.now();
    const wanted = Number(call.getDeadline());
    this.deadlineMs = Math.min(Number.isFinite(wanted) ? wanted : now + defaultTimeoutMs, MAX_DATE_MS);
    const remainingMs = this.deadlineMs - now;
    if (remainingMs < MAX_TIMER_MS) this.#timer = setTimeout(() => this.abort(deadlineError(method)), remainingMs);
    call.on('cancelled', () => {
      if (this.#isDone) return; // grpc-js reports each end as a cancellation, good ones too
      const isLate = Date.now() >= this.deadlineMs;
      this.abort(isLate ? deadlineError(method) : cancelledError(method, undefined));
    });
  }

  get deadline(): Date {
    return new Date(this.deadlineMs);
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get callerId(): string | undefined {
    return this.header(CALLER_ID_HEADER);
  }

  get metadata(): ReadonlyMap<string, string> {
    this.#metadata ??= new Map(
      Object.entries(this.#call.metadata.getMap()).filter((entry): entry is [string, string] => {
        return typeof entry[1] === 'string';
      }),
    );
    return this.#metadata;
  }

  /** The first text value of a header. */
  header(name: string): string | undefined {
    const [value] = this.#call.metadata.get(name);
    return typeof value === 'string' ? value : undefined;
  }

  get method(): string {
    return this.#method;
  }

  /** Tells the handler to stop; without effect once the call is done. */
  abort(reason: AppError): void {
    if (this.#isDone) return;
    this.#controller.abort(reason);
  }

  /** The answer was given: what comes now means nothing. */
  done(): void {
    this.#isDone = true;
    clearTimeout(this.#timer);
  }
}

/** The longest delay that Node's timers take; later deadlines need none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The latest moment that a Date can hold. */
const MAX_DATE_MS = 8.64e15;
