import type { DescMethod } from '@bufbuild/protobuf';
import { Metadata } from '@grpc/grpc-js';
import type { AppError } from '@millrace/kernel';
import { isAppError } from '@millrace/kernel';
import { propagation } from '@opentelemetry/api';
import { cancelledError, deadlineError, delay } from './abort.ts';
import { ambientCall } from './ambient.ts';
import type { CallOptions } from './call-options.ts';
import type { GrpcChannel } from './channel.ts';
import { ClientCall } from './client-call.ts';
import { checkSize, decode, encode } from './codec.ts';
import { codeToNumber } from './codes.ts';
import type { ObservedCall } from './observe.ts';
import { isRetryable, isRetrySafe, retryDelayMs } from './retry.ts';
import { CALLER_ID_HEADER } from './server-call.ts';

/** What all calls of one method of one client have in common. */
export interface MethodSetup {
  readonly channel: GrpcChannel;
  readonly method: DescMethod;
  /** `/package.Service/Method` */
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Calls a unary method. */
export async function callUnary(setup: MethodSetup, request: unknown, options: CallOptions = {}): Promise<unknown> {
  const call = new OutgoingCall(setup, options);
  try {
    const bytes = call.encode(request);
    const response = await call.withRetries(async () => {
      const attempt = call.attempt();
      attempt.sendOnly(bytes);
      return attempt.readOnly();
    });
    const message = decode(setup.method.output, response ?? Buffer.alloc(0));
    call.end();
    return message;
  } catch (error) {
    throw call.fail(error);
  } finally {
    call.dispose();
  }
}

/** Calls a method that streams. Only a single request is sent again, and only before the first response. */
export async function* callStreaming(
  setup: MethodSetup,
  requests: AsyncIterable<unknown> | readonly [unknown],
  options: CallOptions = {},
): AsyncGenerator<unknown> {
  const call = new OutgoingCall(setup, options);
  let sendFailure: { error: unknown } | undefined;
  let outgoing: AsyncIterator<unknown> | undefined;
  const begin = async (): Promise<[ClientCall, Buffer | undefined]> => {
    const attempt = call.attempt();
    if (Array.isArray(requests)) attempt.sendOnly(call.encode(requests[0]));
    else {
      outgoing = (requests as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      pump(call, attempt, outgoing).catch((error) => {
        sendFailure = { error };
        attempt.cancel();
      });
    }
    return [attempt, await attempt.read()];
  };
  let isFinished = false;
  try {
    const [attempt, first] = Array.isArray(requests) ? await call.withRetries(begin) : await begin();
    for (let bytes = first; bytes !== undefined; bytes = await attempt.read()) yield decode(setup.method.output, bytes);
    isFinished = true;
    call.end();
  } catch (error) {
    isFinished = true;
    throw call.fail(sendFailure ? sendFailure.error : error);
  } finally {
    if (!isFinished) call.fail(cancelledError(setup.path.slice(1), 'The reader left the stream.'));
    call.dispose();
    // Not waited for: a generator that hangs in an await answers only when that ends.
    outgoing?.return?.().catch(() => {});
  }
}

async function pump(call: OutgoingCall, attempt: ClientCall, requests: AsyncIterator<unknown>): Promise<void> {
  for (let next = await requests.next(); !next.done; next = await requests.next()) {
    if (attempt.isOver) return;
    await attempt.send(call.encode(next.value));
  }
  attempt.halfClose();
}

/** One call with all its attempts: deadline, cancellation, headers, span. */
class OutgoingCall {
  readonly #setup: MethodSetup;
  readonly #name: string;
  readonly #deadlineMs: number;
  readonly #startedMs = Date.now();
  readonly #signals: readonly AbortSignal[];
  readonly #metadata: Metadata;
  readonly #observed: ObservedCall;
  #attempt: ClientCall | undefined;

  constructor(setup: MethodSetup, options: CallOptions) {
    const ambient = ambientCall();
    this.#setup = setup;
    this.#name = setup.path.slice(1);
    this.#deadlineMs = Math.min(
      this.#startedMs + (options.timeoutMs ?? setup.timeoutMs),
      options.deadline?.getTime() ?? Number.POSITIVE_INFINITY,
      ambient?.deadlineMs ?? Number.POSITIVE_INFINITY,
    );
    this.#signals = [options.signal, ambient?.signal].filter((s) => s !== undefined);
    this.#observed = setup.channel.observer.start(this.#name, setup.channel.attributes);
    this.#metadata = this.#headers(options, ambient?.callerId);
    for (const signal of this.#signals) signal.addEventListener('abort', this.#onAbort);
  }

  encode(request: unknown): Buffer {
    const { method, channel } = this.#setup;
    return checkSize(this.#name, encode(method.input, request as never), channel.sendBytesMax);
  }

  /** Begins an attempt; throws at once when the call is already cancelled or too late. */
  attempt(): ClientCall {
    this.#throwIfOver();
    const { channel, path } = this.#setup;
    this.#attempt = new ClientCall(channel, path, this.#deadlineMs, this.#metadata.clone(), (e) => this.#better(e));
    return this.#attempt;
  }

  async withRetries<T>(run: () => Promise<T>): Promise<T> {
    const { channel, method } = this.#setup;
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await run();
        channel.retryBudget.succeeded();
        return result;
      } catch (error) {
        if (!isAppError(error) || !isRetryable(error) || !isRetrySafe(method)) throw error;
        const isAffordable = channel.retryBudget.failed();
        const waitMs = retryDelayMs(channel.retryPolicy, attempt + 1, error);
        const isInTime = Date.now() + waitMs < this.#deadlineMs;
        if (attempt >= channel.retryPolicy.attemptsMax || !isAffordable || !isInTime) throw error;
        this.#observed.span.addEvent('rpc.retry', { attempt: attempt + 1, reason: error.reason, wait_ms: waitMs });
        await delay(waitMs, this.#signals);
      }
    }
  }

  end(): void {
    this.#observed.end(0);
  }

  /** Ends the span; gives the AppError to throw. Anything that is not one (a bug, a failing request iterable) stays as it is. */
  fail(error: unknown): unknown {
    const abortedBy = this.#signals.find((signal) => signal.aborted);
    const known = abortedBy && !isAppError(error) ? cancelledError(this.#name, abortedBy.reason) : error;
    const [code, reason] = isAppError(known) ? [codeToNumber(known.code), known.reason] : [13, 'INTERNAL'];
    this.#observed.end(code, reason);
    return known;
  }

  dispose(): void {
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#onAbort);
    this.#attempt?.cancel();
  }

  #onAbort = (): void => this.#attempt?.cancel();

  #throwIfOver(): void {
    const abortedBy = this.#signals.find((signal) => signal.aborted);
    if (abortedBy) throw cancelledError(this.#name, abortedBy.reason);
    if (Date.now() >= this.#deadlineMs) throw this.#tooLate();
  }

  /** The client knows why a call was cancelled, and which deadline passed. */
  #better(error: AppError): AppError {
    const abortedBy = this.#signals.find((signal) => signal.aborted);
    if (abortedBy) return cancelledError(this.#name, abortedBy.reason);
    const isOwnDeadline = error.code === 'DEADLINE_EXCEEDED' && Date.now() >= this.#deadlineMs;
    return isOwnDeadline ? this.#tooLate() : error;
  }

  #tooLate(): AppError {
    return deadlineError(this.#name, Math.max(0, this.#deadlineMs - this.#startedMs));
  }

  #headers(options: CallOptions, callerId: string | undefined): Metadata {
    const metadata = new Metadata();
    if (callerId !== undefined) metadata.set(CALLER_ID_HEADER, callerId);
    for (const [name, value] of Object.entries(this.#setup.metadata)) metadata.set(name, value);
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
    propagation.inject(this.#observed.context, metadata, { set: (carrier, key, value) => carrier.set(key, value) });
    return metadata;
  }
}
