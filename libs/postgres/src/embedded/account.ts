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
 * Checks that the account may pass through every directory down to `path`. A directory in `mayOpen` is ours and gets
 * the missing permission to pass (not to list). Throws AppError FAILED_PRECONDITION `DIRECTORY_NOT_TRAVERSABLE` with the remedy.
 */
export async function checkReachable(path: string, account: Account, mayOpen?: string): Promise<void> {
  const { uid, gid } = account;
  if (uid === undefined) return;
  for (let directory = path; ; directory = dirname(directory)) {
    const { mode, uid: owner, gid: group } = await stat(directory);
    const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if (!(mode & bit)) {
      if (directory !== mayOpen) throw notTraversable(directory, path);
      await chmod(directory, (mode & 0o7777) | bit);
    }
    if (directory === dirname(directory)) return;
  }
}

function notTraversable(directory: string, path: string): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `As root, PostgreSQL runs as the user "${USER}", who cannot pass through ${directory} to reach ${path}. Run "chmod o+x ${directory}", choose a place outside of it, or run as an ordinary user.`,
    { reason: 'DIRECTORY_NOT_TRAVERSABLE', fields: { directory, path, user: USER } },
  );
}
