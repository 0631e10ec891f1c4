import type { Database } from '@millrace/postgres';
import type { RunRow, StepRow } from './domain/model.ts';
import { hasEnded } from './domain/model.ts';
import { getRun } from './store/runs.ts';
import { listSteps } from './store/steps.ts';

/** Notifications wake a watcher at once; this is a safety net, in milliseconds. */
const POLL_MS = 5000;

/** A run and its steps, read at about one moment. */
export interface RunWithSteps {
  readonly run: RunRow;
  readonly steps: readonly StepRow[];
}

/** The run of this name with its steps. */
export async function readRun(database: Database, name: string): Promise<RunWithSteps | undefined> {
  // The run first: the steps are as new as it, or newer, in which case a notification is under way.
  const run = await getRun(database, name);
  return run && { run, steps: await listSteps(database, name) };
}

/**
 * Yields the run as it stands, then after each change, until it has ended. States that follow each other faster than the
 * caller takes them are left out, never the last one. Ends when there is no such run, or when `signal` is aborted.
 */
export async function* watchRun(
  database: Database,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<RunWithSteps, void, void> {
  let wake = () => {};
  let isWoken = false;
  const onChange = () => {
    isWoken = true;
    wake();
  };
  const subscription = await database.listen(`${database.schema}_runs`, (payload) => {
    if (payload === '' || payload === name) onChange();
  });
  signal.addEventListener('abort', onChange);
  let revision = 0;
  try {
    while (!signal.aborted) {
      isWoken = false;
      const current = await readRun(database, name);
      if (!current) return;
      if (current.run.revision !== revision) yield current;
      revision = current.run.revision;
      if (hasEnded(current.run.state)) return;
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
