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

/** What a handler knows about the call it answers. */
export interface CallContext {
  /** Aborted when the caller cancels, the deadline passes or the server is stopped; its reason is an AppError. */
  readonly signal: AbortSignal;
  /** When the answer is no longer wanted. Never missing: callers that set none get the server's default. */
  readonly deadline: Date;
  /** The caller's headers with text values, names in lower case. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Address and port of the other end. */
  readonly peer: string;
  /** Who asks, as the gateway has found out (header `millrace-caller-id`); passed on to further calls. */
  readonly callerId: string | undefined;
}

/** The handler of one method, by its kind. Requests arrive validated. */
export type MethodImpl<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, ctx: CallContext) => Promise<MessageInitShape<O>> | MessageInitShape<O>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, ctx: CallContext) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, ctx: CallContext) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageShape<I>>, ctx: CallContext) => AsyncIterable<MessageInitShape<O>>
          : never;

/** The handlers of all methods of a service, named as in the proto file with a small first letter. */
export type ServiceImpl<S extends DescService> = { [P in keyof S['method']]: MethodImpl<S['method'][P]> };

/** A service and its handlers, as a server takes it. Build it with {@link implement}, which checks the types. */
export interface ServiceRegistration {
  readonly descriptor: DescService;
  readonly implementation: Readonly<Record<string, unknown>>;
}

/** Pairs a service with its handlers. Methods left out answer UNIMPLEMENTED (or are served by a {@link RawMethod}). */
export function implement<S extends DescService>(
  descriptor: S,
  implementation: Partial<ServiceImpl<S>>,
): ServiceRegistration {
  return { descriptor, implementation: implementation as Readonly<Record<string, unknown>> };
}

/** A unary method with a codec of its own, for paths where every microsecond counts. Requests are not validated. */
export interface RawMethod<I = unknown, O = unknown> {
  /** For example `/inference.GRPCInferenceService/ModelInfer`. It goes before a method of the same path in `services`. */
  readonly path: string;
  /** Reads a request; what it throws becomes INVALID_ARGUMENT. The buffer is the method's own. */
  deserialize(bytes: Buffer): I;
  /** Writes a response. */
  serialize(response: O): Buffer;
  handle(request: I, ctx: CallContext): Promise<O> | O;
}
