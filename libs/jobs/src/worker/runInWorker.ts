import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AppError } from '@millrace/kernel';
import type { FromWorker, WorkerData } from './messages.ts';
import { receiveError } from './messages.ts';

const MEMORY_DEFAULT_MIB = 1024;
/** How often the memory of a worker is looked at, in milliseconds. */
const MEMORY_CHECK_MS = 100;
/** How long a worker may go on after it was asked to end before it is ended, in milliseconds. */
const CANCEL_GRACE_MS = 500;
const MIB = 1024 * 1024;

/** The second argument of the function that runs in the worker. */
export interface WorkerContext<Progress = unknown> {
  /** Aborted when the caller cancels. A function that does not look at it is ended half a second later, wherever it is. */
  readonly signal: AbortSignal;
  /** Calls the caller's `onProgress` with a copy of `value`. */
  progress(value: Progress): void;
}

/** How the work is watched and bounded. */
export interface RunInWorkerOptions<Progress = unknown> {
  /** Cancels the work. The call then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (value: Progress) => void;
  /**
   * The most memory that the worker's own JavaScript may hold, heap and array buffers together, in MiB. Default 1,024. The
   * heap is bounded by the engine; buffers are looked at each 100 ms, so a jump may pass the bound for as long. Memory of
   * native addons is not counted.
   */
  readonly memoryMib?: number;
  /** Array buffers of `input` that move to the worker in place of being copied; the caller cannot use them any more. */
  readonly transfer?: readonly ArrayBuffer[];
}

/**
 * Calls `exportName` of the TypeScript or JavaScript module at `moduleUrl` (a `file:` URL, by custom from
 * `import.meta.resolve` or `new URL('./x.ts', import.meta.url)`) in a worker thread of its own, as `(input, context)`, and
 * gives what it gives. Input is copied (structured clone) but for `transfer`; array buffers of the result move, not copied.
 *
 * An AppError that the function throws arrives as an AppError, another error as an Error of the same name and message.
 *
 * @throws AppError RESOURCE_EXHAUSTED `WORKER_OUT_OF_MEMORY` when the worker passes `memoryMib`, INTERNAL
 *   `WORKER_EXITED` when it ends without an answer, and the reason of `signal` when that is aborted.
 */
export async function runInWorker<Output = unknown, Input = unknown, Progress = unknown>(
  moduleUrl: string | URL,
  exportName: string,
  input: Input,
  options: RunInWorkerOptions<Progress> = {},
): Promise<Output> {
  const { signal, memoryMib = MEMORY_DEFAULT_MIB } = options;
  signal?.throwIfAborted();
  const workerData: WorkerData = { moduleUrl: String(moduleUrl), exportName, input };
  const worker = new Worker(join(import.meta.dirname, 'host.ts'), {
    name: exportName,
    workerData,
    transferList: [...(options.transfer ?? [])],
    resourceLimits: { maxOldGenerationSizeMb: memoryMib },
    execArgv: ['--no-warnings'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<Output>();

  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'progress') options.onProgress?.(message.value as Progress);
    else if (message.kind === 'result') resolve(message.value as Output);
    else reject(receiveError(message.error));
  });
  worker.on('messageerror', reject);
  worker.on('error', (error: NodeJS.ErrnoException) => {
    reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? outOfMemory(exportName, memoryMib) : error);
  });
  worker.on('exit', (code) => reject(exited(exportName, code)));

  let grace: NodeJS.Timeout | undefined;
  const cancel = () => {
    worker.postMessage('cancel');
    grace = setTimeout(() => reject(signal?.reason), CANCEL_GRACE_MS);
  };
  signal?.addEventListener('abort', cancel, { once: true });
  const stopWatching = watchMemory(worker, memoryMib, () => reject(outOfMemory(exportName, memoryMib)));
  try {
    return await promise;
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    clearTimeout(grace);
    stopWatching();
    await worker.terminate();
  }
}

/** The engine's limit does not count array buffers, so heap and external memory are added up from time to time. */
function watchMemory(worker: Worker, memoryMib: number, onExceeded: () => void): () => void {
  let isBusy = false;
  const timer = setInterval(async () => {
    if (isBusy) return;
    isBusy = true;
    try {
      const heap = await worker.getHeapStatistics();
      if (heap.used_heap_size + heap.external_memory > memoryMib * MIB) onExceeded();
    } catch {
      // The worker has not started yet, or has ended.
    }
    isBusy = false;
  }, MEMORY_CHECK_MS);
  return () => clearInterval(timer);
}

function outOfMemory(exportName: string, memoryMib: number): AppError {
  return new AppError(
    'RESOURCE_EXHAUSTED',
    `"${exportName}" needs more than ${memoryMib} MiB of memory. Give it more, or less data.`,
    { reason: 'WORKER_OUT_OF_MEMORY', fields: { memoryMib: String(memoryMib), function: exportName } },
  );
}

function exited(exportName: string, code: number): AppError {
  return new AppError('INTERNAL', `The worker of "${exportName}" ended with code ${code} before it answered.`, {
    reason: 'WORKER_EXITED',
    fields: { code: String(code), function: exportName },
  });
}
