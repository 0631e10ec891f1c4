import { type Channel, type ChannelCredentials, Client, credentials } from '@grpc/grpc-js';
import { AppError } from '@millrace/kernel';
import { FLOW_CONTROL_BYTES, MESSAGE_BYTES_MAX } from './codec.ts';
import { quietGrpcLog } from './grpc-log.ts';
import type { CallTelemetry } from './observe.ts';
import { CallObserver } from './observe.ts';
import type { RetryPolicy } from './retry.ts';
import { RETRY_POLICY, RetryBudget } from './retry.ts';

/** Bounds of a channel. */
export interface ChannelLimits {
  /** Bytes of one response message. Default 16 MiB. */
  readonly receiveBytesMax?: number;
  /** Bytes of one request message. Default 16 MiB. */
  readonly sendBytesMax?: number;
}

/** How the server is recognised and the client shows itself (PEM). Empty: the system's certificate authorities. */
export interface ChannelTls {
  readonly serverCa?: Buffer;
  readonly certificate?: Buffer;
  readonly privateKey?: Buffer;
}

/** Where a channel leads. */
export interface ChannelOptions {
  /**
   * `host:port`, or any target that grpc-js resolves (`dns:///…`); or a function that gives it at the first use, for
   * servers whose port is not known yet.
   */
  readonly address: string | (() => string);
  readonly tls?: ChannelTls;
  readonly limits?: ChannelLimits;
  /** How failed calls are tried again. Default: 4 attempts, 50 ms to 2 s apart, within a budget. */
  readonly retry?: Partial<RetryPolicy>;
  readonly telemetry: CallTelemetry;
}

/** A connection to one server, shared by the clients of all its services. It connects by the first call. */
export interface RpcChannel {
  readonly address: string;
  /** Resolves once connected; throws UNAVAILABLE `SERVER_UNREACHABLE` after this time. */
  waitForReady(timeoutMs: number): Promise<void>;
  /** Ends the connection; running calls fail. */
  close(): void;
}

/** The channel with what clients of this library need of it. */
export class GrpcChannel implements RpcChannel {
  readonly observer: CallObserver;
  readonly retryPolicy: RetryPolicy;
  readonly retryBudget: RetryBudget;
  readonly sendBytesMax: number;
  readonly #options: ChannelOptions;
  #connection: { readonly address: string; readonly attributes: SpanAttributes; readonly client: Client } | undefined;

  constructor(options: ChannelOptions) {
    quietGrpcLog();
    this.#options = options;
    this.observer = new CallObserver(options.telemetry, 'client');
    this.retryPolicy = { ...RETRY_POLICY, ...options.retry };
    this.retryBudget = new RetryBudget();
    this.sendBytesMax = options.limits?.sendBytesMax ?? MESSAGE_BYTES_MAX;
  }

  get address(): string {
    return this.#connected.address;
  }

  /** Server address and port for spans. */
  get attributes(): SpanAttributes {
    return this.#connected.attributes;
  }

  /** The grpc-js client, made at the first use: only then the address must be known. */
  get #connected() {
    this.#connection ??= connectionOf(this.#options);
    return this.#connection;
  }

  /** Begins a call of `path`; what grpc-js calls a Call. */
  open(path: string, deadlineMs: number): ReturnType<Channel['createCall']> {
    return this.#connected.client.getChannel().createCall(path, deadlineMs, null, null, null);
  }

  waitForReady(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#connected.client.waitForReady(Date.now() + timeoutMs, (cause) => {
        if (cause === undefined) resolve();
        else reject(unreachableError(this.address, timeoutMs, cause));
      });
    });
  }

  close(): void {
    this.#connection?.client.close();
  }
}

/** Makes a channel. Nothing is connected before the first call. */
export function createChannel(options: ChannelOptions): RpcChannel {
  return new GrpcChannel(options);
}

type SpanAttributes = Readonly<Record<string, string | number>>;

function connectionOf({ address: given, tls, limits }: ChannelOptions) {
  const address = typeof given === 'string' ? given : given();
  const client = new Client(address, credentialsOf(tls), {
    'grpc.max_receive_message_length': limits?.receiveBytesMax ?? MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': -1, // checked by the codec, with a better error
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5000,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
    'grpc-node.flow_control_window': FLOW_CONTROL_BYTES,
  });
  return { address, attributes: addressAttributes(address), client };
}

function credentialsOf(tls: ChannelTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.serverCa ?? null, tls.privateKey ?? null, tls.certificate ?? null);
}

function addressAttributes(address: string): Record<string, string | number> {
  const match = /^(?:dns:\/*)?\[?(.*?)\]?:(\d+)$/.exec(address);
  return match ? { 'server.address': match[1]!, 'server.port': Number(match[2]) } : { 'server.address': address };
}

function unreachableError(address: string, timeoutMs: number, cause: Error): AppError {
  return new AppError('UNAVAILABLE', `${address} did not answer within ${timeoutMs} ms. Is the server running?`, {
    reason: 'SERVER_UNREACHABLE',
    fields: { address },
    cause,
  });
}
