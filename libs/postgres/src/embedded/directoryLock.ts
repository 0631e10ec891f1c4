import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, invariant } from '@millrace/kernel';
import { processIdentity } from './processes.ts';

/** `lock.<pid>.<identity of the process>`: all that a claim says is in its name, so it is never half written. */
const CLAIM = /^lock\.(\d+)\.([A-Za-z0-9-]+)$/;
const TRIES_MAX = 5;
const RETRY_MS = 40;

/** A directory that is ours until `release`. */
export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Claims `directory` for this process. A claim is void as soon as its process is gone, however it ended. Throws AppError
 * FAILED_PRECONDITION `DATA_DIRECTORY_IN_USE` with the pid when another live process, or this one, holds it.
 *
 * Each process writes a claim of its own and then looks for others: of two that start at once at least one sees the
 * other and withdraws, so there are never two holders; both may withdraw, and try again after a random wait. Names are
 * unique to a process, so removing a void claim cannot hit a fresh one. Processes must see each other's ids: containers
 * that share a volume but not the pid namespace are not kept apart.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const identity = await processIdentity(process.pid);
  invariant(identity, 'this process can be seen');
  const own = `lock.${process.pid}.${identity}`;
  const release = () => rm(join(directory, own), { force: true });
  for (let attempt = 1; ; attempt++) {
    await writeFile(join(directory, own), '', { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? inUse(directory, process.pid) : error;
    });
    const holder = await findOther(directory, own);
    if (holder === undefined) return { release };
    await release();
    if (attempt === TRIES_MAX) throw inUse(directory, holder);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS * attempt * Math.random()));
  }
}

/** The pid of another live claim; removes the void ones. */
async function findOther(directory: string, own: string): Promise<number | undefined> {
  for (const name of await readdir(directory)) {
    const [, pid, identity] = CLAIM.exec(name) ?? [];
    if (!pid || name === own) continue;
    if ((await processIdentity(Number(pid))) === identity) return Number(pid);
    await rm(join(directory, name), { force: true });
  }
  return undefined;
}

function inUse(directory: string, pid: number): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `The data directory ${directory} is in use by process ${pid}. Stop that process, or choose another directory.`,
    { reason: 'DATA_DIRECTORY_IN_USE', fields: { directory, pid: String(pid) } },
  );
}
