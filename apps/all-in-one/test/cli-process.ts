import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './flights.ts';

const MAIN = join(ROOT, 'apps/cli/src/main.ts');

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of the commands: nothing of the test run's own settings. */
function environment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE'));
  return { ...Object.fromEntries(own), NO_COLOR: '1', ...settings };
}

/** Runs `millrace <args>` in a process of its own, to its end. */
export async function runCommand(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    env: environment({}),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** A platform in a process of its own. */
export interface UpProcess {
  readonly pid: number;
  readonly grpcAddress: string;
  readonly httpUrl: string;
  /** SIGKILL: nothing is put in order. Resolves once the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM: stops in order; gives the exit code. */
  stop(): Promise<number | null>;
}

/** Runs `millrace up --json` on free ports and resolves once it is up; fails with what it wrote when it ends before. */
export async function startUp(
  dataDirectory: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<UpProcess> {
  const child = spawn(process.execPath, [MAIN, 'up', '--json', '--dir', dataDirectory], {
    cwd: ROOT,
    env: environment({ MILLRACE__GRPC_PORT: '0', MILLRACE__GATEWAY__PORT: '0', ...settings }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gone = once(child, 'close') as Promise<[number | null]>;
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = `${stderr}${chunk}`.slice(-10_000);
  });
  const state = await Promise.race([runningLine(child), gone.then(() => undefined)]);
  if (!state) throw new Error(`"millrace up" on ${dataDirectory} ended with ${child.exitCode}: ${stderr}`);
  return {
    ...state,
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
    async stop() {
      child.kill('SIGTERM');
      return (await gone)[0];
    },
  };
}

async function runningLine(child: ChildProcess): Promise<Pick<UpProcess, 'pid' | 'grpcAddress' | 'httpUrl'>> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return new Promise((resolve) =>
    lines.on('line', (line) => {
      const state = JSON.parse(line) as { state: string; pid: number; grpcAddress: string; httpUrl: string };
      if (state.state === 'RUNNING') resolve(state);
    }),
  );
}
