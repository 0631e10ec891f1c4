import type { Database } from '@millrace/postgres';
import { getJob } from './store.ts';
import type { JobRow, JobState } from './types.ts';

/** Notifications wake a watcher at once; this is a safety net, in milliseconds. */
const POLL_MS = 5000;
const FINAL: ReadonlySet<JobState> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED']);

/** Whether a job in this state never changes again. */
export function isFinal(state: JobState): boolean {
  return FINAL.has(state);
}

/**
 * Yields the job as it stands, then after each change, until it is final: what `Watch…` methods stream. States that
 * follow each other faster than the caller takes them are left out, never the last one. Ends when `signal` is aborted, or
 * when there is no such job.
 */
export async function* watchJob(
  database: Database,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<JobRow, void, void> {
  let wake = () => {};
  let isWoken = false;
  const onChange = () => {
    isWoken = true;
    wake();
  };
  const subscription = await database.listen(`${database.schema}_jobs`, (payload) => {
    if (payload === '' || payload === `changed ${id}`) onChange();
  });
  signal.addEventListener('abort', onChange);
  let last = '';
  try {
    while (!signal.aborted) {
      isWoken = false;
      const job = await getJob(database, id);
      if (!job) return;
      const text = JSON.stringify(job);
      if (text !== last) yield job;
      last = text;
      if (isFinal(job.state)) return;
      if (isWoken || signal.aborted) continue;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const timer = setTimeout(resolve, POLL_MS);
      await promise;
      clearTimeout(timer);
    }
  } finally {
    signal.removeEventListener('abort', onChange);
    await subscription.close();
  }
}
