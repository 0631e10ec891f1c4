import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@millrace/kernel';
import { commandLine, waitForExit } from './processes.ts';

/** What the running server writes about itself; https://www.postgresql.org/docs/current/storage-file-layout.html */
interface PostmasterFile {
  readonly pid: number;
  readonly isReady: boolean;
}

/** Time for a fast shutdown (with its checkpoint), then for an immediate one (recovery follows at the next start). */
const FAST_SHUTDOWN_MS = 15_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;

/** Reads `postmaster.pid`; undefined when there is none. Line 1 is the pid, line 8 the state. */
export async function readPostmasterFile(dataDirectory: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, isReady: lines[7]?.trim() === 'ready' } : undefined;
}

/**
 * Shuts a server down: fast (clients are cut off, a checkpoint is written), then immediately, then by SIGKILL. All are
 * safe for the data; takes 20 s at the most.
 */
export async function stopPostmaster(pid: number): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGINT', FAST_SHUTDOWN_MS],
    ['SIGQUIT', IMMEDIATE_SHUTDOWN_MS],
    ['SIGKILL', IMMEDIATE_SHUTDOWN_MS],
  ] as const) {
    if (!kill(pid, signal) || (await waitForExit(pid, waitMs))) return;
  }
  throw new AppError('INTERNAL', `The PostgreSQL server with process id ${pid} does not end. Stop it by hand.`, {
    reason: 'POSTGRES_DOES_NOT_STOP',
    fields: { pid: String(pid) },
  });
}

/**
 * Clears what a killed owner of the data directory left: a server that still runs on it is shut down, a `postmaster.pid`
 * whose pid now belongs to something else (ids are used again, soon so in containers) is removed. The caller holds
 * the lock of the directory, so nobody else uses the server.
 */
export async function clearLeftover(dataDirectory: string): Promise<void> {
  const file = await readPostmasterFile(dataDirectory);
  if (!file) return;
  const command = await commandLine(file.pid);
  if (command.includes('postgres') && command.includes(dataDirectory)) await stopPostmaster(file.pid);
  // A server that was killed leaves the file, and while it is a zombie the next one would take it for alive.
  await rm(join(dataDirectory, 'postmaster.pid'), { force: true });
}

function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
