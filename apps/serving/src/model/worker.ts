import { parentPort, workerData } from 'node:worker_threads';
import { isAppError, messageOf } from '@millrace/kernel';
import { createModelSession } from './session.ts';
import type { FromWorker, ToWorker } from './worker-session.ts';

/** Runs a model in this thread, one batch after another: the other end of `createWorkerSession`. */
const port = parentPort!;
const send = (message: FromWorker) => port.postMessage(message);

try {
  const session = await createModelSession(workerData as Uint8Array);
  port.on('message', async (message: ToWorker) => {
    if (message === 'release') {
      await session.release();
      port.close();
      return;
    }
    try {
      send({ kind: 'done', outputs: await session.run(message.columns, message.rows) });
    } catch (error) {
      send({ kind: 'failed', reason: isAppError(error) ? error.reason : '', message: messageOf(error) });
    }
  });
  send({ kind: 'ready' });
} catch (error) {
  send({ kind: 'failed', reason: isAppError(error) ? error.reason : '', message: messageOf(error) });
  port.close();
}
