import type { RpcServer, ServiceRegistration } from '@millrace/rpc';
import { createRpcServer } from '@millrace/rpc';
import { createTelemetry, nullLogger } from '@millrace/telemetry';
import type { CliIo } from '../src/io.ts';
import { runCli } from '../src/run-cli.ts';

/** What a command line wrote and ended with. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** How a command line is run in a test. */
export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly columns?: number;
  readonly interrupted?: AbortSignal;
  /** Called with everything written to stdout so far. */
  readonly onOut?: (text: string) => void;
}

/** Runs a command line in this process, with streams of its own. */
export async function cli(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  let [out, err] = ['', ''];
  const io: CliIo = {
    stdout: {
      write: (text) => {
        out += text;
        options.onOut?.(out);
      },
      ...(options.columns !== undefined && { columns: options.columns }),
    },
    stderr: {
      write: (text) => {
        err += text;
      },
    },
    env: options.env ?? {},
    readStdin: async () => options.stdin ?? '',
    interrupted: options.interrupted ?? new AbortController().signal,
    onSignals: () => undefined,
  };
  const code = await runCli(args, io);
  return { code, out, err };
}

/** A gRPC server with some handlers; gives its address. */
export async function startServer(
  services: readonly ServiceRegistration[],
): Promise<{ address: string; server: RpcServer }> {
  const server = createRpcServer({
    services: [...services],
    address: '127.0.0.1:0',
    telemetry: createTelemetry({ serviceName: 'fake' }),
    logger: nullLogger,
  });
  const { port } = await server.start();
  return { address: `127.0.0.1:${port}`, server };
}
