import type { ErrorCode } from '@millrace/kernel';
import { isAppError } from '@millrace/kernel';

/** HTTP status of each gRPC code, as in google.api's `code.proto`. */
const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  CANCELLED: 499,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** What a failed request answers. */
export interface HttpFailure {
  readonly status: number;
  /** For the header `retry-after`, in whole seconds; unset: none. */
  readonly retryAfterSeconds?: number;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly violations: readonly { readonly field: string; readonly description: string; readonly reason?: string }[];
}

/** What an error tells an HTTP client; what is not an AppError tells nothing but that it happened. */
export function httpFailure(error: unknown): HttpFailure {
  if (isAppError(error)) {
    const { code, reason, message, fields, violations, retryAfterMs } = error;
    const retry = retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) };
    return { status: HTTP_STATUS[code], code, reason, message, fields, violations, ...retry };
  }
  const status = statusCodeOf(error);
  if (status !== undefined && status < 500)
    return {
      status,
      code: 'INVALID_ARGUMENT',
      reason: 'HTTP_REQUEST_INVALID',
      message: (error as Error).message,
      fields: {},
      violations: [],
    };
  return {
    status: 500,
    code: 'INTERNAL',
    reason: 'INTERNAL',
    message: 'Something went wrong on our side; the log has it.',
    fields: {},
    violations: [],
  };
}

/** The status that fastify gives to requests it cannot read: too large, not JSON, unknown media type. */
function statusCodeOf(error: unknown): number | undefined {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}
