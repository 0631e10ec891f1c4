import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { invariant } from '@millrace/kernel';
import type { CallOptions } from './call-options.ts';
import type { RpcChannel } from './channel.ts';
import { GrpcChannel } from './channel.ts';
import { callStreaming, callUnary } from './client-methods.ts';

/** Settings of all calls of a client. */
export interface ClientOptions {
  /** For unary calls and client streams. Default 30 s. */
  readonly defaultTimeoutMs?: number;
  /** For calls whose answer is a stream. Default 10 min. */
  readonly defaultStreamTimeoutMs?: number;
  /** Headers of every call. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The function that calls one method, by its kind. It fails with an AppError. */
export type ClientMethod<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
          : never;

/** A service as an object of functions, named as in the proto file with a small first letter. */
export type Client<S extends DescService> = { readonly [P in keyof S['method']]: ClientMethod<S['method'][P]> };

/**
 * Makes a client. Every call has a deadline, the earliest of its own, the client's default and that of the server call
 * on whose behalf it is made; it is cancelled with that call; it is tried again only where the method's
 * `idempotency_level` allows it. A stream is read as it is iterated: leaving the loop cancels the call.
 */
export function createClient<S extends DescService>(
  descriptor: S,
  channel: RpcChannel,
  options: ClientOptions = {},
): Client<S> {
  invariant(channel instanceof GrpcChannel, 'the channel comes from createChannel');
  const methods = descriptor.methods.map((method) => [
    method.localName,
    clientMethod(descriptor, method, channel, options),
  ]);
  return Object.fromEntries(methods) as Client<S>;
}

function clientMethod(service: DescService, method: DescMethod, channel: GrpcChannel, options: ClientOptions) {
  const setup = {
    channel,
    method,
    path: `/${service.typeName}/${method.name}`,
    metadata: options.metadata ?? {},
    timeoutMs: options.defaultTimeoutMs ?? 30_000,
  };
  const streaming = { ...setup, timeoutMs: options.defaultStreamTimeoutMs ?? 600_000 };
  switch (method.methodKind) {
    case 'unary':
      return (request: unknown, call?: CallOptions) => callUnary(setup, request, call);
    case 'client_streaming':
      return (requests: AsyncIterable<unknown>, call?: CallOptions) => only(callStreaming(setup, requests, call));
    case 'server_streaming':
      return (request: unknown, call?: CallOptions) => callStreaming(streaming, [request], call);
    case 'bidi_streaming':
      return (requests: AsyncIterable<unknown>, call?: CallOptions) => callStreaming(streaming, requests, call);
  }
}

/** The one message of a stream, given when its status is known to be good. */
async function only(responses: AsyncIterable<unknown>): Promise<unknown> {
  const all: unknown[] = [];
  for await (const response of responses) all.push(response);
  invariant(all.length === 1, `a client-streaming call gives one answer, not ${all.length}`);
  return all[0];
}
