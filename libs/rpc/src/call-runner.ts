import { AppError, createIdSource, isAppError } from '@millrace/kernel';
import type { Logger } from '@millrace/telemetry';
import type { Context } from '@opentelemetry/api';
import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import { cancelledError } from './abort.ts';
import { withAmbientCall } from './ambient.ts';
import { codeToNumber } from './codes.ts';
import { toGrpcStatus } from './errors.ts';
import type { CallObserver } from './observe.ts';
import type { SurfaceCall } from './server-call.ts';
import { ServerCall } from './server-call.ts';
import type { CallRunner } from './server-methods.ts';

/** How long a caller that met a full server should wait. */
const OVERLOAD_RETRY_MS = 100;

const errorIds = createIdSource();

/** The calls of one server that are running, and how they are run. */
export class RunningCalls {
  readonly #running = new Set<ServerCall>();
  readonly #concurrentCallsMax: number;
  readonly #logger: Logger;
  readonly #observer: CallObserver;

  constructor(concurrentCallsMax: number, observer: CallObserver, logger: Logger) {
    this.#concurrentCallsMax = concurrentCallsMax;
    this.#observer = observer;
    this.#logger = logger;
  }

  /** Calls whose handlers have not finished. */
  get size(): number {
    return this.#running.size;
  }

  /** Aborts the running calls, all or those of some methods; gives their number. */
  abortAll(reason: (method: string) => AppError, isMeant: (method: string) => boolean = () => true): number {
    const all = [...this.#running].filter((call) => isMeant(call.method));
    for (const call of all) call.abort(reason(call.method));
    return all.length;
  }

  /** How calls of `method` (without the leading slash) are run. */
  runner(method: string, defaultTimeoutMs: number): CallRunner {
    return {
      run: (surface, work, fail) => {
        const call = new ServerCall(surface, method, defaultTimeoutMs);
        const observed = this.#observer.start(method, { 'network.peer.address': call.peer }, parentOf(surface));
        const ambient = { deadlineMs: call.deadlineMs, signal: call.signal, callerId: call.callerId };
        const finished = context.with(observed.context, () =>
          withAmbientCall(ambient, () => this.#admitted(call, () => work(call))),
        );
        finished.then(
          () => {
            call.done();
            observed.end(0);
          },
          (thrown) => {
            const error = context.with(observed.context, () => this.#toAppError(call, thrown));
            call.done();
            observed.end(codeToNumber(error.code), error.reason);
            fail(toGrpcStatus(error), error);
          },
        );
      },
    };
  }

  /** How calls that are neither counted nor observed are run: health and reflection. */
  plainRunner(method: string): CallRunner {
    return {
      run: (surface, work, fail) => {
        const call = new ServerCall(surface, method, Number.POSITIVE_INFINITY);
        work(call).then(
          () => call.done(),
          (thrown) => {
            const error = this.#toAppError(call, thrown);
            call.done();
            fail(toGrpcStatus(error), error);
          },
        );
      },
    };
  }

  async #admitted(call: ServerCall, work: () => Promise<void>): Promise<void> {
    if (this.#running.size >= this.#concurrentCallsMax) throw overloadError(call.method, this.#concurrentCallsMax);
    this.#running.add(call);
    try {
      await work();
    } finally {
      this.#running.delete(call);
    }
  }

  /** The error to send. What is not an AppError is logged with an id, and only the id is sent. */
  #toAppError(call: ServerCall, thrown: unknown): AppError {
    if (call.signal.aborted) return cancelledError(call.method, call.signal.reason);
    if (isAppError(thrown)) {
      const fields = { method: call.method, code: thrown.code, reason: thrown.reason };
      if (thrown.cause !== undefined) this.#logger.warn('A call failed.', { ...fields, err: thrown });
      else this.#logger.debug('A call was refused.', { ...fields, detail: thrown.message });
      return thrown;
    }
    const errorId = errorIds.next();
    this.#logger.error('A call met a broken invariant.', { method: call.method, error_id: errorId, err: thrown });
    return new AppError('INTERNAL', `Internal error ${errorId}. The log of the server tells more under this id.`, {
      reason: 'INTERNAL',
      fields: { error_id: errorId },
    });
  }
}

const metadataGetter = {
  keys: (call: SurfaceCall) => Object.keys(call.metadata.getMap()),
  get: (call: SurfaceCall, key: string) => {
    const [value] = call.metadata.get(key);
    return typeof value === 'string' ? value : undefined;
  },
};

function parentOf(call: SurfaceCall): Context {
  return propagation.extract(ROOT_CONTEXT, call, metadataGetter);
}

function overloadError(method: string, concurrentCallsMax: number): AppError {
  return new AppError(
    'RESOURCE_EXHAUSTED',
    `The server already answers ${concurrentCallsMax} calls at once. Try ${method} again later.`,
    {
      reason: 'CONCURRENT_CALLS_EXCEEDED',
      fields: { method, concurrent_calls_max: String(concurrentCallsMax) },
      retryAfterMs: OVERLOAD_RETRY_MS,
    },
  );
}
