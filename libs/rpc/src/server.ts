import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Health } from '@millrace/contracts/grpc/health/v1/health';
import { AppError, invariant } from '@millrace/kernel';
import type { Logger } from '@millrace/telemetry';
import { RunningCalls } from './call-runner.ts';
import { FLOW_CONTROL_BYTES, MESSAGE_BYTES_MAX } from './codec.ts';
import { quietGrpcLog } from './grpc-log.ts';
import { HealthState } from './health.ts';
import type { CallTelemetry } from './observe.ts';
import { CallObserver } from './observe.ts';
import { reflectionOf } from './reflection.ts';
import type { Handler } from './server-methods.ts';
import { handlerOf, rawHandlerOf, register } from './server-methods.ts';
import type { RawMethod, ServiceRegistration } from './service.ts';

/** Bounds of a server. */
export interface ServerLimits {
  /** Bytes of one request message. Default 16 MiB. */
  readonly receiveBytesMax?: number;
  /** Bytes of one response message. Default 16 MiB. */
  readonly sendBytesMax?: number;
  /** Calls answered at once; more get RESOURCE_EXHAUSTED with a hint when to retry. Default 1000. */
  readonly concurrentCallsMax?: number;
  /** For unary calls whose caller set no deadline. Default 30 s. */
  readonly defaultTimeoutMs?: number;
  /** For streams whose caller set no deadline. Default 10 min. */
  readonly defaultStreamTimeoutMs?: number;
}

/** Certificate and key (PEM) of a server; with `clientCa`, clients must show a certificate signed by it. */
export interface ServerTls {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
  readonly clientCa?: Buffer;
}

/** What a server is made of. */
export interface RpcServerOptions {
  readonly services: readonly ServiceRegistration[];
  /** Methods with codecs of their own. */
  readonly rawServices?: readonly RawMethod[];
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly tls?: ServerTls;
  readonly limits?: ServerLimits;
  readonly telemetry: CallTelemetry;
  readonly logger: Logger;
}

/** A gRPC server with health and reflection. It is not serving, by its health, until it is told to be. */
export interface RpcServer {
  /** Binds the address. Throws UNAVAILABLE `ADDRESS_UNAVAILABLE` when that fails. */
  start(): Promise<{ readonly port: number }>;
  /** Sets what health tells of a service (full name), or of the server and all services (empty name). */
  setServing(service: string, isServing: boolean): void;
  /**
   * Turns health to not serving, takes no further calls, ends `Watch…` streams with UNAVAILABLE `SERVER_STOPPING` (their
   * callers watch again) and lets the other running calls finish; those that have not by then
   * are aborted with UNAVAILABLE `SERVER_STOPPING`. Gives the number of calls cut off.
   */
  drain(deadlineMs: number): Promise<{ readonly callsCutOff: number }>;
  /** Stops at once: `drain` without patience. */
  stop(): Promise<void>;
}

/** How long aborted handlers may take to send their last status before connections are closed. */
const ABORT_GRACE_MS = 200;

/** Makes a server; nothing is bound before `start`. */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  quietGrpcLog();
  const limits = withDefaults(options.limits);
  const server = new Server({
    'grpc.max_receive_message_length': limits.receiveBytesMax,
    'grpc.max_send_message_length': -1, // checked by the codec, with a better error
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc-node.flow_control_window': FLOW_CONTROL_BYTES,
  });
  const observer = new CallObserver(options.telemetry, 'server');
  const calls = new RunningCalls(limits.concurrentCallsMax, observer, options.logger);
  const descriptors = options.services.map((s) => s.descriptor);
  const health = new HealthState([...new Set([...descriptors.map((d) => d.typeName), ...rawServiceNames(options)])]);

  for (const raw of options.rawServices ?? []) {
    const runner = calls.runner(raw.path.slice(1), limits.defaultTimeoutMs);
    register(server, raw.path, rawHandlerOf(raw, limits.sendBytesMax), runner);
  }
  for (const [path, handler] of handlersOf(options.services, limits.sendBytesMax)) {
    const timeoutMs = handler.kind === 'unary' ? limits.defaultTimeoutMs : limits.defaultStreamTimeoutMs;
    register(server, path, handler, calls.runner(path.slice(1), timeoutMs));
  }
  const infrastructure = [health.registration(), ...reflectionOf([...descriptors, Health])];
  for (const [path, handler] of handlersOf(infrastructure, limits.sendBytesMax)) {
    register(server, path, handler, calls.plainRunner(path.slice(1)));
  }

  let ending: Promise<{ callsCutOff: number }> | undefined;
  const drain = (deadlineMs: number) => {
    ending ??= end(server, health, calls, deadlineMs);
    return ending;
  };
  return {
    start: () => bind(server, options),
    setServing: (service, isServing) => health.setServing(service, isServing),
    drain,
    async stop() {
      await drain(0);
    },
  };
}

function withDefaults(limits: ServerLimits = {}): Required<ServerLimits> {
  return {
    receiveBytesMax: limits.receiveBytesMax ?? MESSAGE_BYTES_MAX,
    sendBytesMax: limits.sendBytesMax ?? MESSAGE_BYTES_MAX,
    concurrentCallsMax: limits.concurrentCallsMax ?? 1000,
    defaultTimeoutMs: limits.defaultTimeoutMs ?? 30_000,
    defaultStreamTimeoutMs: limits.defaultStreamTimeoutMs ?? 600_000,
  };
}

function rawServiceNames(options: RpcServerOptions): string[] {
  return (options.rawServices ?? []).map((raw) => {
    const [, service, method] = raw.path.split('/');
    invariant(service && method, `"${raw.path}" is not a path like /package.Service/Method`);
    return service;
  });
}

function* handlersOf(services: readonly ServiceRegistration[], sendMax: number): Generator<[string, Handler]> {
  for (const { descriptor, implementation } of services) {
    for (const method of descriptor.methods) {
      const implemented = implementation[method.localName];
      if (typeof implemented !== 'function') continue; // grpc-js answers UNIMPLEMENTED
      const path = `/${descriptor.typeName}/${method.name}`;
      yield [path, handlerOf(method, path.slice(1), implemented.bind(implementation), sendMax)];
    }
  }
}

function bind(server: Server, { address, tls }: RpcServerOptions): Promise<{ port: number }> {
  const credentials = tls
    ? ServerCredentials.createSsl(
        tls.clientCa ?? null,
        [{ cert_chain: tls.certificate, private_key: tls.privateKey }],
        tls.clientCa !== undefined,
      )
    : ServerCredentials.createInsecure();
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (cause, port) => {
      if (cause === null) resolve({ port });
      else reject(addressError(address, cause));
    });
  });
}

function addressError(address: string, cause: Error): AppError {
  return new AppError('UNAVAILABLE', `Cannot listen on ${address}: ${cause.message}. Free it, or choose another.`, {
    reason: 'ADDRESS_UNAVAILABLE',
    fields: { address },
    cause,
  });
}

async function end(server: Server, health: HealthState, calls: RunningCalls, deadlineMs: number) {
  health.setServing('', false);
  health.close();
  // A watch has no end of its own: its caller takes it up again elsewhere.
  calls.abortAll(stoppingError, isWatch);
  let callsCutOff = 0;
  let force: NodeJS.Timeout | undefined;
  const abort = setTimeout(() => {
    callsCutOff = calls.abortAll(stoppingError);
    force = setTimeout(() => server.forceShutdown(), ABORT_GRACE_MS);
  }, deadlineMs);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  clearTimeout(abort);
  clearTimeout(force);
  return { callsCutOff };
}

/** Whether a method only reports changes, by the house's naming: `…/Watch<Resource>`. */
function isWatch(method: string): boolean {
  return /\/Watch[A-Z]/.test(method);
}

function stoppingError(method: string): AppError {
  return new AppError('UNAVAILABLE', `The server stopped before ${method} had finished. Try again.`, {
    reason: 'SERVER_STOPPING',
    fields: { method },
  });
}
