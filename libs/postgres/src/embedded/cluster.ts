import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@millrace/kernel';
import { type Account, commandAs } from './account.ts';
import type { Binaries } from './binaries.ts';

/** The superuser of our clusters. */
export const SUPERUSER = 'millrace';

/** The environment of the server's programs: nothing of ours, messages in English (we read them). */
export const PROGRAM_ENV = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' } as const;

/** A cluster on disk: `<directory>/data` (owned by the server's account) and `<directory>/password` (ours, mode 0600). */
export interface Cluster {
  readonly dataDirectory: string;
  readonly password: string;
}

/**
 * Gives the cluster in `directory`, making it when there is none. It is made beside its final place and then renamed, so
 * an `initdb` that was killed leaves nothing behind. The caller holds the lock of the directory.
 *
 * Throws AppError FAILED_PRECONDITION: `POSTGRES_VERSION_MISMATCH` when the data is of another major version,
 * `POSTGRES_PASSWORD_MISSING` when the password file is gone; INTERNAL `POSTGRES_INITDB_FAILED`.
 */
export async function ensureCluster(directory: string, binaries: Binaries, account: Account): Promise<Cluster> {
  const dataDirectory = join(directory, 'data');
  const version = await readIfThere(join(dataDirectory, 'PG_VERSION'));
  if (version === undefined) await createCluster(directory, dataDirectory, binaries, account);
  else if (Number(version) !== binaries.majorVersion) throw versionMismatch(dataDirectory, version.trim(), binaries);
  const password = (await readIfThere(join(directory, 'password')))?.trim();
  if (!password) throw passwordMissing(directory);
  return { dataDirectory, password };
}

async function createCluster(
  directory: string,
  dataDirectory: string,
  binaries: Binaries,
  account: Account,
): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith('data.new-')) await rm(join(directory, name), { recursive: true, force: true });
  }
  const unfinished = join(directory, `data.new-${randomBytes(4).toString('hex')}`);
  const passwordFile = join(directory, 'password');
  const passwordForInit = `${unfinished}.password`;
  const password = randomBytes(24).toString('hex');
  await rm(passwordFile, { force: true });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await writeFile(passwordForInit, `${password}\n`, { mode: 0o600 });
  await mkdir(unfinished, { mode: 0o700 });
  if (account.uid !== undefined && account.gid !== undefined) {
    await chown(unfinished, account.uid, account.gid);
    await chown(passwordForInit, account.uid, account.gid);
  }
  try {
    await initdb(binaries, account, unfinished, passwordForInit);
    await rename(unfinished, dataDirectory);
  } finally {
    await rm(passwordForInit, { force: true });
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** UTF-8 with PostgreSQL's own collation by code point: sorts the same on every machine, unlike those of the C library. */
function initdb(binaries: Binaries, account: Account, dataDirectory: string, passwordFile: string): Promise<void> {
  const args = [
    `--pgdata=${dataDirectory}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ];
  const command = commandAs(account, binaries.initdb, args);
  const child = spawn(command.file, command.args, {
    ...command.ids,
    cwd: '/',
    env: PROGRAM_ENV,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (chunk) => {
    output = `${output}${chunk}`.slice(-4000);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(initdbFailed(dataDirectory, output))));
  });
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function initdbFailed(directory: string, output: string): AppError {
  return new AppError('INTERNAL', `PostgreSQL could not make its data directory ${directory}: ${output.trim()}`, {
    reason: 'POSTGRES_INITDB_FAILED',
    fields: { directory },
  });
}

function versionMismatch(directory: string, version: string, { majorVersion }: Binaries): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `The data in ${directory} is of PostgreSQL ${version}, the installed programs are ${majorVersion}. Export with the old release and import with this one, or choose another directory.`,
    { reason: 'POSTGRES_VERSION_MISMATCH', fields: { directory, version, expected: String(majorVersion) } },
  );
}

function passwordMissing(directory: string): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `The file ${join(directory, 'password')} with the password of the PostgreSQL data beside it is gone. Restore it, or choose another directory.`,
    { reason: 'POSTGRES_PASSWORD_MISSING', fields: { directory } },
  );
}
