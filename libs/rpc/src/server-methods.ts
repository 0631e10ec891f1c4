import type { DescMethod } from '@bufbuild/protobuf';
import type * as grpc from '@grpc/grpc-js';
import type { AppError } from '@millrace/kernel';
import { invalidArgument, messageOf } from '@millrace/kernel';
import { abortable } from './abort.ts';
import { checkSize, decode, encode } from './codec.ts';
import type { GrpcStatus } from './errors.ts';
import type { ServerCall, SurfaceCall } from './server-call.ts';
import type { RawMethod } from './service.ts';
import { validateMessage } from './validation.ts';

/** Bytes of a stream that may wait for the network before its handler has to wait: 1 MiB. */
const STREAM_BUFFER_BYTES = 1024 * 1024;

/** What is served under one path, on buffers. */
export type Handler =
  | { readonly kind: 'unary'; run(request: Buffer, call: ServerCall): Promise<Buffer> }
  | { readonly kind: 'serverStream'; run(request: Buffer, call: ServerCall): AsyncIterable<Buffer> }
  | { readonly kind: 'clientStream'; run(requests: AsyncIterable<Buffer>, call: ServerCall): Promise<Buffer> }
  | { readonly kind: 'bidi'; run(requests: AsyncIterable<Buffer>, call: ServerCall): AsyncIterable<Buffer> };

/** Runs a call from its beginning to its status: observed, bounded and with its errors mapped. */
export interface CallRunner {
  run(
    call: SurfaceCall,
    work: (call: ServerCall) => Promise<void>,
    fail: (status: GrpcStatus, error: AppError) => void,
  ): void;
}

type Implementation = (request: unknown, call: ServerCall) => unknown;

/** The handler of a method of a proto service: decodes, validates, calls the implementation, encodes. */
export function handlerOf(method: DescMethod, path: string, implementation: Implementation, sendMax: number): Handler {
  const read = (bytes: Buffer): unknown => {
    const message = decodeRequest(() => decode(method.input, bytes));
    validateMessage(method.input, message);
    return message;
  };
  const write = (init: unknown): Buffer => checkSize(path, encode(method.output, init as never), sendMax);
  switch (method.methodKind) {
    case 'unary':
      return { kind: 'unary', run: async (request, call) => write(await implementation(read(request), call)) };
    case 'server_streaming':
      return {
        kind: 'serverStream',
        run: (request, call) => map(implementation(read(request), call) as AsyncIterable<unknown>, write),
      };
    case 'client_streaming':
      return { kind: 'clientStream', run: async (all, call) => write(await implementation(map(all, read), call)) };
    case 'bidi_streaming':
      return {
        kind: 'bidi',
        run: (all, call) => map(implementation(map(all, read), call) as AsyncIterable<unknown>, write),
      };
  }
}

/** The handler of a method with its own codec. */
export function rawHandlerOf(method: RawMethod, sendMax: number): Handler {
  return {
    kind: 'unary',
    run: async (bytes, call) => {
      const request = decodeRequest(() => method.deserialize(bytes));
      return checkSize(method.path, method.serialize(await method.handle(request, call)), sendMax);
    },
  };
}

/** Registers a handler with grpc-js under its path. */
export function register(server: grpc.Server, path: string, handler: Handler, runner: CallRunner): void {
  const identity = (bytes: Buffer) => bytes;
  server.register(path, surface(handler, runner), identity, identity, handler.kind);
}

function surface(handler: Handler, runner: CallRunner): grpc.UntypedHandleCall {
  switch (handler.kind) {
    case 'unary':
      return ((call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) =>
        runner.run(
          call,
          async (running) => callback(null, await abortable(handler.run(call.request, running), running.signal)),
          (status) => callback(status),
        )) as grpc.UntypedHandleCall;
    case 'clientStream':
      return ((call: grpc.ServerReadableStream<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) =>
        runner.run(
          call,
          async (running) => callback(null, await abortable(handler.run(messagesOf(call), running), running.signal)),
          (status) => callback(status),
        )) as grpc.UntypedHandleCall;
    case 'serverStream':
      return ((call: grpc.ServerWritableStream<Buffer, Buffer>) =>
        runner.run(
          call,
          async (running) => send(handler.run(call.request, running), call, running),
          (status) => call.emit('error', status),
        )) as grpc.UntypedHandleCall;
    case 'bidi':
      return ((call: grpc.ServerDuplexStream<Buffer, Buffer>) =>
        runner.run(
          call,
          async (running) => send(handler.run(messagesOf(call), running), call, running),
          (status) => call.emit('error', status),
        )) as grpc.UntypedHandleCall;
  }
}

/** The messages of a request stream; grpc-js reads ahead 16 at most. Leaving early does not end the call. */
function messagesOf(call: grpc.ServerReadableStream<Buffer, Buffer> | grpc.ServerDuplexStream<Buffer, Buffer>) {
  const readable = call as unknown as { iterator(options: { destroyOnReturn: boolean }): AsyncIterable<Buffer> };
  return readable.iterator({ destroyOnReturn: false });
}

/** Sends messages as fast as the client takes them. The handler's iterator is closed when the call ends early. */
async function send(
  messages: AsyncIterable<Buffer>,
  out: { write(bytes: Buffer, done: () => void): unknown; end(): unknown },
  call: ServerCall,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  let waiting = 0;
  let wake: (() => void) | undefined;
  try {
    for (;;) {
      const next = await abortable(iterator.next(), call.signal);
      if (next.done) break;
      const bytes = next.value.length;
      waiting += bytes;
      out.write(next.value, () => {
        waiting -= bytes;
        wake?.();
      });
      while (waiting > STREAM_BUFFER_BYTES) {
        await abortable(new Promise<void>((resolve) => (wake = resolve)), call.signal);
      }
    }
    out.end();
  } catch (error) {
    // Not waited for: a generator that hangs in an await answers only when that ends.
    iterator.return?.().catch(() => {});
    throw error;
  }
}

async function* map<A, B>(items: AsyncIterable<A>, fn: (item: A) => B): AsyncGenerator<B> {
  for await (const item of items) yield fn(item);
}

function decodeRequest<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const description = `The request is not a message of this method: ${messageOf(error)}`;
    throw invalidArgument('REQUEST_UNREADABLE', [{ field: '', description, reason: 'REQUEST_UNREADABLE' }], error);
  }
}
