import { execFile } from 'node:child_process';
import { chmod, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '@millrace/kernel';

const run = promisify(execFile);
const USER = 'postgres';

/** The user that the server runs as. Undefined fields: the user of this process. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
  /** Started with the right to pass through every directory. */
  readonly passesEverywhere?: true;
}

/**
 * PostgreSQL refuses to run as root. When this process is root, the server runs as the user `postgres`, who is created
 * when missing; otherwise as the user of this process. Throws AppError FAILED_PRECONDITION `POSTGRES_USER_MISSING`.
 */
export async function serverAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const known = await findUser();
  if (known) return known;
  let cause: unknown;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', USER]);
    const made = await findUser();
    if (made) return made;
  } catch (error) {
    cause = error;
  }
  throw new AppError(
    'FAILED_PRECONDITION',
    `PostgreSQL does not run as root, and the user "${USER}" to run it as could not be created. Create that user, or run as an ordinary user.`,
    { reason: 'POSTGRES_USER_MISSING', fields: { user: USER }, cause },
  );
}

async function findUser(): Promise<Account | undefined> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith(`${USER}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

/**
 * Sees to it that the account may pass through every directory down to each of `paths`. A directory in `mayOpen` is ours
 * and gets the missing permission to pass (not to list). Where another one is closed, as root's home usually is, the
 * account is given back with the right to pass everywhere, where the program `setpriv` is there to give it.
 *
 * @throws AppError FAILED_PRECONDITION `DIRECTORY_NOT_TRAVERSABLE` with the remedy.
 */
export async function ensureReachable(paths: readonly string[], account: Account, mayOpen?: string): Promise<Account> {
  for (const path of paths) {
    const closed = await closedDirectory(path, account, mayOpen);
    if (closed === undefined) continue;
    if (await hasSetpriv()) return { ...account, passesEverywhere: true };
    throw notTraversable(closed, path);
  }
  return account;
}

/** The first directory on the way up from `path` that the account may not pass through. */
async function closedDirectory(path: string, account: Account, mayOpen?: string): Promise<string | undefined> {
  const { uid, gid } = account;
  if (uid === undefined) return undefined;
  for (let directory = path; ; directory = dirname(directory)) {
    const { mode, uid: owner, gid: group } = await stat(directory);
    const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if (!(mode & bit)) {
      if (directory !== mayOpen) return directory;
      await chmod(directory, (mode & 0o7777) | bit);
    }
    if (directory === dirname(directory)) return undefined;
  }
}

function hasSetpriv(): Promise<boolean> {
  return run('setpriv', ['--version']).then(
    () => true,
    () => false,
  );
}

/** How a program is started as the account: for `spawn`. The process is the program itself, whichever way. */
export function commandAs(
  { uid, gid, passesEverywhere }: Account,
  program: string,
  args: readonly string[],
): { readonly file: string; readonly args: string[]; readonly ids: { readonly uid?: number; readonly gid?: number } } {
  if (uid === undefined || gid === undefined) return { file: program, args: [...args], ids: {} };
  if (!passesEverywhere) return { file: program, args: [...args], ids: { uid, gid } };
  // The capability to read and search any directory, and no other; see capabilities(7).
  const capability = '+dac_read_search';
  const become = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    `--inh-caps=${capability}`,
    `--ambient-caps=${capability}`,
  ];
  return { file: 'setpriv', args: [...become, '--', program, ...args], ids: {} };
}

function notTraversable(directory: string, path: string): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `As root, PostgreSQL runs as the user "${USER}", who cannot pass through ${directory} to reach ${path}. Run "chmod o+x ${directory}", choose a place outside of it, or run as an ordinary user.`,
    { reason: 'DIRECTORY_NOT_TRAVERSABLE', fields: { directory, path, user: USER } },
  );
}
