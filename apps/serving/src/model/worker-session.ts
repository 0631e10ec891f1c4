import { Worker } from 'node:worker_threads';
import { AppError, invariant } from '@millrace/kernel';
import type { TensorValues } from '../domain/datatypes.ts';

/** What the worker is told. */
export type ToWorker = { readonly columns: readonly TensorValues[]; readonly rows: number } | 'release';

/** What the worker answers. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly outputs: TensorValues[] }
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string };

/** A model in a thread of its own. */
export interface WorkerSession {
  /** As `ModelSession.run`, without blocking this thread. One run at a time. Columns that own their memory move away. */
  run(columns: readonly TensorValues[], rows: number): Promise<TensorValues[]>;
  /** Ends the thread. No run may be waiting. */
  release(): Promise<void>;
}

/**
 * Makes sessions of a model in a worker thread. The thread starts with the first run (some 100 ms) and, when it has
 * died, again with the next; the run it died in fails with UNAVAILABLE `MODEL_WORKER_EXITED`.
 */
export function createWorkerSession(model: Uint8Array): WorkerSession {
  let worker: Worker | undefined;
  let waiting: PromiseWithResolvers<FromWorker> | undefined;

  const answer = (): Promise<FromWorker> => {
    invariant(waiting === undefined, 'a worker runs one batch at a time');
    waiting = Promise.withResolvers();
    return waiting.promise;
  };
  const settle = (act: (promise: PromiseWithResolvers<FromWorker>) => void) => {
    const settled = waiting;
    waiting = undefined;
    if (settled) act(settled);
  };
  const start = async (): Promise<Worker> => {
    const started = new Worker(new URL('./worker.ts', import.meta.url), {
      name: 'serving-model',
      workerData: model,
      execArgv: ['--no-warnings'],
    });
    started.unref();
    started.on('message', (message: FromWorker) => settle(({ resolve }) => resolve(message)));
    started.on('error', (cause) => settle(({ reject }) => reject(exited(cause))));
    started.on('exit', () => {
      if (worker === started) worker = undefined;
      settle(({ reject }) => reject(exited()));
    });
    worker = started;
    expectKind(await answer(), 'ready');
    return started;
  };

  return {
    async run(columns, rows) {
      const running = worker ?? (await start());
      const [sent, transfer] = movable(columns);
      const answered = answer();
      running.postMessage({ columns: sent, rows } satisfies ToWorker, transfer);
      return expectKind(await answered, 'done').outputs;
    },
    async release() {
      const running = worker;
      worker = undefined;
      if (running === undefined) return;
      const exit = new Promise((resolve) => running.once('exit', resolve));
      running.ref();
      running.postMessage('release' satisfies ToWorker);
      await exit;
    },
  };
}

function expectKind<K extends FromWorker['kind']>(message: FromWorker, kind: K): Extract<FromWorker, { kind: K }> {
  if (message.kind === kind) return message as Extract<FromWorker, { kind: K }>;
  invariant(message.kind === 'failed', `the worker answers ${message.kind}`);
  throw new AppError('FAILED_PRECONDITION', message.message, { reason: message.reason || 'MODEL_RUN_FAILED' });
}

/** Copies views of larger buffers, because a buffer is cloned or moved as a whole, and moves what is left. */
function movable(columns: readonly TensorValues[]): [TensorValues[], ArrayBuffer[]] {
  const sent = columns.map((column) => (Array.isArray(column) ? column : (column.slice() as TensorValues)));
  return [sent, sent.flatMap((column) => (Array.isArray(column) ? [] : [column.buffer as ArrayBuffer]))];
}

function exited(cause?: Error): AppError {
  return new AppError('UNAVAILABLE', 'The thread that ran the model has ended. Try again.', {
    reason: 'MODEL_WORKER_EXITED',
    cause,
  });
}
