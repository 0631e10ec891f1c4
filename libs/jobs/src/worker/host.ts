/** What runs in a worker thread: imports the module, calls the function, tells how it went. See `runInWorker`. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, WorkerData } from './messages.ts';
import { buffersIn, sendError } from './messages.ts';
import type { WorkerContext } from './runInWorker.ts';

const { moduleUrl, exportName, input } = workerData as WorkerData;
const abort = new AbortController();
parentPort?.on('message', () => abort.abort(new Error('The caller has cancelled the work.')));

const tell = (message: FromWorker, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer);
const context: WorkerContext = {
  signal: abort.signal,
  progress: (value) => tell({ kind: 'progress', value }),
};

try {
  const module = (await import(moduleUrl)) as Record<string, unknown>;
  const work = module[exportName];
  if (typeof work !== 'function') throw new TypeError(`${moduleUrl} does not export a function "${exportName}"`);
  const value: unknown = await work(input, context);
  tell({ kind: 'result', value }, buffersIn(value));
} catch (error) {
  tell({ kind: 'error', error: sendError(error) });
}
parentPort?.close();
