import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createMillraceClient, type MillraceClient } from '@millrace/client';
import type { Bench } from './suite.ts';

const CLI = join(import.meta.dirname, '../../apps/cli/src/main.ts');

/** A whole platform, `millrace up`, in a process of its own. */
export interface RunningPlatform {
  readonly client: MillraceClient;
  /** `host:port` of the gRPC port. */
  readonly address: string;
  /** Process id of the nine services. */
  readonly pid: number;
  /** Process id of PostgreSQL's postmaster. */
  readonly postgresPid: number;
  /** Stops it and waits until its process has ended; safe to call twice. */
  stop(): Promise<void>;
}

/** Starts `millrace up` on free ports and waits until it serves. It is stopped at the end of the suite at the latest. */
export async function startPlatform(
  bench: Bench,
  dataDirectory: string = join(bench.directory, 'data'),
  env: Readonly<Record<string, string>> = {},
): Promise<RunningPlatform> {
  const child = spawn(
    process.execPath,
    ['--no-warnings', CLI, 'up', '--dir', dataDirectory, '--grpc-port', '0', '--gateway-port', '0', '--json'],
    // A process group of its own: Ctrl+C ends the suite, which then stops the platform in order.
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env }, detached: true },
  );
  const exited = once(child, 'exit');
  let client: MillraceClient | undefined;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      client?.close();
      if (child.exitCode === null) child.kill('SIGTERM');
      await exited;
    })();
    return stopping;
  };
  bench.defer(stop);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) throw new Error(`millrace up ended with exit code ${child.exitCode} before it served.`);
  const told = JSON.parse(first.value) as { grpcAddress: string; pid: number; postgresPid: number };
  client = createMillraceClient({ address: told.grpcAddress, calls: { defaultStreamTimeoutMs: 3_600_000 } });
  await client.waitForReady(10_000);
  return { client, address: told.grpcAddress, pid: told.pid, postgresPid: told.postgresPid, stop };
}
