/**
 * Makes a fresh clone ready, then runs a command: `node tools/bootstrap/bootstrap.mjs -- node apps/cli/src/main.ts demo`.
 * Needs nothing but Node ≥ 20 and npm. Installs the locked packages when they are missing or stale, then runs the
 * command with Node 24 (the npm package `node`) and the packages' programs on the PATH.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..');
const modules = join(root, 'node_modules');
const stamp = join(modules, '.millrace-installed');
const lock = join(root, '.millrace-install.lock');
/** A lock older than this was left by an install that was killed. */
const LOCK_STALE_MS = 15 * 60_000;

const separator = process.argv.indexOf('--');
const command = separator >= 0 ? process.argv.slice(separator + 1) : [];

const isReady = isFresh() || (await install());
if (isReady && command.length > 0) process.exitCode = await run(command[0], command.slice(1), { stdio: 'inherit' });

/** What the installed packages follow from. */
function wanted() {
  const hash = createHash('sha256');
  for (const file of ['package-lock.json', 'package.json']) hash.update(readFileSync(join(root, file)));
  return hash.update(`${process.platform}-${process.arch}`).digest('hex');
}

function isFresh() {
  try {
    return readFileSync(stamp, 'utf8') === wanted();
  } catch {
    return false;
  }
}

/** Installs what the lock file says; tells whether it worked. */
async function install() {
  await takeLock();
  try {
    if (isFresh()) return true;
    console.error("millrace: installing the locked npm packages (once; about a minute from npm's cache) …");
    const started = Date.now();
    // Not `npm ci`: it refuses a lock file that lacks optional packages of other platforms, and some registries do not
    // have them for the newest versions. `npm install` takes the locked versions all the same.
    const code = await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
      stdio: ['ignore', 2, 2],
      ticker: (seconds) => `millrace: … installing, ${seconds} s`,
    });
    if (code !== 0) {
      console.error(
        'millrace: "npm install" failed; its messages are above. Mend the cause and run the command again.',
      );
      process.exitCode = code;
      return false;
    }
    writeFileSync(stamp, wanted());
    console.error(`millrace: packages installed in ${Math.round((Date.now() - started) / 1000)} s.`);
    return true;
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** Waits while another process installs. */
async function takeLock() {
  for (;;) {
    try {
      mkdirSync(lock);
      return;
    } catch {
      const age = ageMs(lock);
      if (age !== undefined && age > LOCK_STALE_MS) rmSync(lock, { recursive: true, force: true });
      else await sleep(500);
    }
  }
}

function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}

/** Runs a program to its end, passing signals on; gives its exit code. */
function run(program, args, { stdio, ticker }) {
  const env = {
    ...process.env,
    PATH: join(modules, '.bin') + delimiter + process.env.PATH,
    // Its postinstall would download CUDA libraries; the CPU library is inside the package.
    ONNXRUNTIME_NODE_INSTALL: 'skip',
    NX_DAEMON: 'false',
  };
  const child = spawn(program, args, { cwd: process.cwd(), env, stdio, shell: process.platform === 'win32' });
  const started = Date.now();
  const timer = ticker
    ? setInterval(() => console.error(ticker(Math.round((Date.now() - started) / 1000))), 15_000)
    : undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((done) => {
    child.once('error', (error) => {
      console.error(`millrace: cannot run ${program}: ${error.message}`);
      done(127);
    });
    child.once('exit', (code, signal) => {
      clearInterval(timer);
      done(code ?? (signal ? 1 : 0));
    });
  });
}
