import { EchoService } from '@millrace/contracts/millrace/testing/v1/echo_service';
import { nullLogger } from '@millrace/telemetry';
import { metrics, trace } from '@opentelemetry/api';
import type { ChannelOptions, Client, RpcChannel, RpcServer, RpcServerOptions, ServiceImpl } from '../src/index.ts';
import { createChannel, createClient, createRpcServer, implement } from '../src/index.ts';

/** A server of the echo service with a client to it. */
export interface Rig extends AsyncDisposable {
  readonly server: RpcServer;
  readonly address: string;
  readonly channel: RpcChannel;
  readonly client: Client<typeof EchoService>;
}

/** Telemetry that records nothing unless a test has registered an SDK. */
export const telemetry = { tracer: trace.getTracer('test'), meter: metrics.getMeter('test') };

/** Starts a server on a free port. Ending the rig stops it. */
export async function startRig(
  implementation: Partial<ServiceImpl<typeof EchoService>>,
  options: { server?: Partial<RpcServerOptions>; channel?: Partial<ChannelOptions> } = {},
): Promise<Rig> {
  const server = createRpcServer({
    services: [implement(EchoService, implementation)],
    address: '127.0.0.1:0',
    telemetry,
    logger: nullLogger,
    ...options.server,
  });
  const { port } = await server.start();
  const address = `127.0.0.1:${port}`;
  const channel = createChannel({ address, telemetry, ...options.channel });
  const client = createClient(EchoService, channel);
  return {
    server,
    address,
    channel,
    client,
    async [Symbol.asyncDispose]() {
      channel.close();
      await server.stop();
    },
  };
}

/** A promise with its resolver. */
export function deferred<T = void>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>();
}

/** What a promise fails with; fails itself when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  const value = await promise.then(
    (result) => ({ result }),
    (error) => ({ error }),
  );
  if ('error' in value) return value.error;
  throw new Error(`expected a failure, got ${String(value.result)}`);
}

/** All items of a stream. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
