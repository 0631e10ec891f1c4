import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadFigures } from './grpc-load.ts';
import type { Bench } from './suite.ts';

/** A load on one gRPC method. */
export interface Load {
  /** `host:port`. */
  readonly address: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Calls under way at a time. */
  readonly clients: number;
  readonly seconds: number;
  /** Encoded requests, sent in turn. */
  readonly messages: readonly Uint8Array[];
}

/** Runs a load from a process of its own; throws when a call failed, since a figure with failures means nothing. */
export async function runLoad(bench: Bench, load: Load): Promise<LoadFigures> {
  const { address, path, clients, seconds, messages } = load;
  const script = join(import.meta.dirname, 'grpc-load.ts');
  const child = spawn(process.execPath, ['--no-warnings', script, address, path, String(clients), String(seconds)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  bench.defer(async () => child.kill());
  child.stdin.end(messages.map((message) => `${Buffer.from(message).toString('base64')}\n`).join(''));
  let text = '';
  child.stdout.on('data', (part: Buffer) => {
    text += part;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`The load on ${path} ended with exit code ${code}.`);
  const figures = JSON.parse(text) as LoadFigures;
  if (figures.failed > 0) throw new Error(`${figures.failed} calls of ${path} failed.`);
  return figures;
}
