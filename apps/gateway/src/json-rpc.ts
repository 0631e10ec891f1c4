import type { DescMethod, DescService, JsonValue, Message } from '@bufbuild/protobuf';
import { fromJson, toJson } from '@bufbuild/protobuf';
import { AppError, invalidArgument, messageOf } from '@millrace/kernel';
import type { CallOptions, RpcChannel } from '@millrace/rpc';
import { createClient } from '@millrace/rpc';

/** The methods of some services, to be called with JSON: the body is the request's JSON form, the answer the response's. */
export interface JsonRpc {
  /** Finds `millrace.ingestion.v1.IngestionService/ListDatasets`. Throws NOT_FOUND `METHOD_NOT_FOUND`. */
  method(service: string, method: string): JsonMethod;
  /** All methods as `service/method`, sorted. */
  list(): readonly string[];
}

/** One method. */
export interface JsonMethod {
  /** Whether the answer is a stream of JSON objects. */
  readonly isStream: boolean;
  unary(body: JsonValue, options: CallOptions): Promise<JsonValue>;
  stream(body: JsonValue, options: CallOptions): AsyncIterable<JsonValue>;
}

/** A service and where it is. */
export interface JsonService {
  readonly descriptor: DescService;
  readonly channel: RpcChannel;
}

type UntypedClient = Record<string, (request: Message, options: CallOptions) => unknown>;

/** Makes the methods of these services callable with JSON, by the JSON mapping of protobuf. */
export function createJsonRpc(services: readonly JsonService[]): JsonRpc {
  const methods = new Map<string, JsonMethod>();
  for (const { descriptor, channel } of services) {
    const client = createClient(descriptor, channel) as unknown as UntypedClient;
    for (const method of descriptor.methods) {
      if (method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming') continue;
      methods.set(`${descriptor.typeName}/${method.name}`, jsonMethod(client, method));
    }
  }
  return {
    method(service, method) {
      const found = methods.get(`${service}/${method}`);
      if (found) return found;
      throw new AppError('NOT_FOUND', `There is no method "${service}/${method}". GET /api lists the methods.`, {
        reason: 'METHOD_NOT_FOUND',
        fields: { service, method },
      });
    },
    list: () => [...methods.keys()].sort(),
  };
}

function jsonMethod(client: UntypedClient, method: DescMethod): JsonMethod {
  const call = (body: JsonValue, options: CallOptions) => {
    const invoke = client[method.localName] as (request: Message, options: CallOptions) => unknown;
    return invoke(requestOf(method, body), options);
  };
  const answer = (message: unknown) => toJson(method.output, message as Message);
  return {
    isStream: method.methodKind === 'server_streaming',
    unary: async (body, options) => answer(await call(body, options)),
    async *stream(body, options) {
      for await (const message of call(body, options) as AsyncIterable<Message>) yield answer(message);
    },
  };
}

/** Reads a request; an unknown or wrong field is INVALID_ARGUMENT `JSON_INVALID`. */
function requestOf(method: DescMethod, body: JsonValue): Message {
  try {
    return fromJson(method.input, body);
  } catch (error) {
    const description = `${messageOf(error)}. The body must be the JSON form of ${method.input.typeName}.`;
    throw invalidArgument('JSON_INVALID', [{ field: 'body', reason: 'JSON_INVALID', description }], error);
  }
}
