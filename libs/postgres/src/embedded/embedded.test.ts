import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDatabase, startEmbeddedPostgres } from '../index.ts';
import { ensureReachable } from './account.ts';
import { lockDirectory } from './directoryLock.ts';
import { clearLeftover } from './postmaster.ts';
import { processIdentity } from './processes.ts';

let root: string;
const holders: ChildProcess[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-embedded-'));
  await chmod(root, 0o755);
});
afterAll(async () => {
  for (const holder of holders) holder.kill('SIGKILL');
  await clearLeftover(join(root, 'lives', 'data'));
  await rm(root, { recursive: true, force: true });
});

const open = (url: string) => openDatabase({ url, schema: 'public', applicationName: 'embedded-test' });

/** Starts a server from a process of its own; gives that process and what it said. */
async function startHolder(directory: string) {
  const holder = spawn(process.execPath, [join(import.meta.dirname, '../../test/holder.ts'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  holders.push(holder);
  const [line] = (await once(createInterface({ input: holder.stdout }), 'line')) as [string];
  return { holder, ...(JSON.parse(line) as { url: string; pid: number }) };
}

test('lives through a kill -9 of its owner, and then of itself, without losing a commit', async () => {
  const directory = join(root, 'lives');
  const first = await startHolder(directory);
  const before = open(first.url);
  await before.execute('create table kept (n int); insert into kept values (1)');
  expect((await stat(join(directory, 'password'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, 'data'))).mode & 0o777).toBe(0o700);

  await expect(startEmbeddedPostgres({ directory })).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'DATA_DIRECTORY_IN_USE',
    fields: { pid: String(first.holder.pid) },
  });

  first.holder.kill('SIGKILL');
  await once(first.holder, 'exit');
  expect(await processIdentity(first.pid)).toBeDefined(); // the server is an orphan, and still serves
  await before.execute('insert into kept values (2)');
  await before.close();

  const second = await startHolder(directory);
  expect(second.pid).not.toBe(first.pid);
  expect(await processIdentity(first.pid)).toBeUndefined();
  second.holder.kill('SIGKILL');
  process.kill(second.pid, 'SIGKILL'); // owner and server at once: postmaster.pid is stale
  await once(second.holder, 'exit');

  const lines: string[] = [];
  const third = await startEmbeddedPostgres({ directory, onLog: (line) => lines.push(line) });
  const after = open(third.url);
  expect(await after.query('select n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }]);
  expect(
    await after.one(`select current_setting('server_encoding') enc, 'Ä' < 'a' as code_points, lower('Ä') low`),
  ).toEqual({
    enc: 'UTF8',
    code_points: false,
    low: 'ä',
  });
  await after.close();
  await expect(startEmbeddedPostgres({ directory })).rejects.toMatchObject({ fields: { pid: String(process.pid) } });
  await Promise.all([third.stop(), third.stop()]);
  expect(await processIdentity(third.pid)).toBeUndefined();
  expect(lines.join('\n')).toContain('database system was not properly shut down');
  expect((await readdir(directory)).sort()).toEqual(['data', 'password']);

  await writeFile(join(directory, 'data', 'postmaster.pid'), `${process.pid}\n`); // an id that was used again
  const fourth = await startEmbeddedPostgres({ directory });
  await fourth.stop();

  await writeFile(join(directory, 'data', 'PG_VERSION'), '9\n');
  await expect(startEmbeddedPostgres({ directory })).rejects.toMatchObject({ reason: 'POSTGRES_VERSION_MISMATCH' });
  await writeFile(join(directory, 'data', 'PG_VERSION'), '18\n');
  await rm(join(directory, 'password'));
  await expect(startEmbeddedPostgres({ directory })).rejects.toMatchObject({ reason: 'POSTGRES_PASSWORD_MISSING' });
});

test('a lock is void when its process is gone or when its id is used again, and holds otherwise', async () => {
  const directory = join(root, 'lock');
  await mkdir(directory);
  await writeFile(join(directory, 'lock.999999999.00000000-1'), '');
  await writeFile(join(directory, `lock.${process.ppid}.00000000-1`), '');
  const lock = await lockDirectory(directory);
  expect(await readdir(directory)).toHaveLength(1);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ reason: 'DATA_DIRECTORY_IN_USE' });
  await lock.release();
  await (await lockDirectory(directory)).release();
});

test('a directory that the server may not pass through: it gets the right to pass, our own directory is opened', async () => {
  const closed = join(root, 'closed');
  const inner = join(closed, 'inner');
  await mkdir(inner, { recursive: true });
  await chmod(closed, 0o700);
  await chmod(inner, 0o700);
  const stranger = { uid: 12_345, gid: 12_345 };
  expect(await ensureReachable([inner], stranger, inner)).toEqual({ ...stranger, passesEverywhere: true });
  expect((await stat(inner)).mode & 0o777).toBe(0o701);
  await chmod(closed, 0o711);
  expect(await ensureReachable([inner], stranger, inner)).toEqual(stranger);
});

test("below a closed directory, as root's home is, the server starts all the same", async () => {
  const closed = join(root, 'home');
  await mkdir(closed);
  await chmod(closed, 0o700);
  const server = await startEmbeddedPostgres({ directory: join(closed, 'data') });
  await server.stop();
});
