import { create, createRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { Metadata } from '@grpc/grpc-js';
import type { BadRequest, ErrorInfo, RetryInfo } from '@millrace/contracts/google/rpc/error_details';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@millrace/contracts/google/rpc/error_details';
import type { Status } from '@millrace/contracts/google/rpc/status';
import { StatusSchema } from '@millrace/contracts/google/rpc/status';
import type { FieldViolation } from '@millrace/kernel';
import { AppError } from '@millrace/kernel';
import { codeFromNumber, codeToNumber, statusName } from './codes.ts';

/** The domain of every reason of the platform in google.rpc.ErrorInfo. */
const ERROR_DOMAIN = 'millrace';

/** The trailer of the rich error model. */
const DETAILS_TRAILER = 'grpc-status-details-bin';

/** Longest text of a message, description or fact: trailers are headers, and clients bound those. */
const TEXT_CHARACTERS_MAX = 1024;

/** Most bytes of details; what does not fit is left out, and the number left out is told. */
const DETAILS_BYTES_MAX = 6 * 1024;

const detailTypes = createRegistry(BadRequestSchema, ErrorInfoSchema, RetryInfoSchema);

/** A status as grpc-js takes it from a server and gives it to a client. */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The google.rpc.Status of an error, with ErrorInfo and, where they apply, BadRequest and RetryInfo. The cause stays here. */
export function statusFromAppError(error: AppError): Status {
  const details: Any[] = [
    anyPack(
      ErrorInfoSchema,
      create(ErrorInfoSchema, {
        reason: error.reason,
        domain: ERROR_DOMAIN,
        metadata: Object.fromEntries(Object.entries(error.fields).map(([key, value]) => [key, clip(value)])),
      }),
    ),
  ];
  if (error.retryAfterMs !== undefined) details.push(retryInfo(error.retryAfterMs));
  if (error.violations.length > 0) details.push(badRequest(error.violations));
  return create(StatusSchema, { code: codeToNumber(error.code), message: clip(error.message), details });
}

/** The error that a google.rpc.Status tells of: the inverse of {@link statusFromAppError}, but for the cause. */
export function appErrorFromStatus(status: Status): AppError {
  const unpacked = status.details.map((any) => anyUnpack(any, detailTypes));
  const find = <T>(typeName: string) => unpacked.find((m) => m?.$typeName === typeName) as T | undefined;
  const info = find<ErrorInfo>(ErrorInfoSchema.typeName);
  const delay = find<RetryInfo>(RetryInfoSchema.typeName)?.retryDelay;
  const violations = find<BadRequest>(BadRequestSchema.typeName)?.fieldViolations.map(
    ({ field, description, reason }) => ({
      field,
      description,
      ...(reason !== '' && { reason }),
    }),
  );
  return new AppError(codeFromNumber(status.code), status.message, {
    reason: info?.reason || statusName(status.code),
    fields: info?.metadata ?? {},
    ...(violations && { violations }),
    ...(delay && { retryAfterMs: Number(delay.seconds) * 1000 + delay.nanos / 1e6 }),
  });
}

/** What a server sends for an error. */
export function toGrpcStatus(error: AppError): GrpcStatus {
  const metadata = new Metadata();
  metadata.set(DETAILS_TRAILER, Buffer.from(toBinary(StatusSchema, statusFromAppError(error))));
  return { code: codeToNumber(error.code), details: clip(error.message), metadata };
}

/** The error that a client got; without readable details, the reason is the name of the status. */
export function fromGrpcStatus(status: GrpcStatus): AppError {
  const [details] = status.metadata.get(DETAILS_TRAILER);
  if (typeof details === 'object') {
    try {
      return appErrorFromStatus(fromBinary(StatusSchema, details));
    } catch {
      // A foreign server sent something else under this name: the plain status has to do.
    }
  }
  return new AppError(codeFromNumber(status.code), status.details, { reason: statusName(status.code) });
}

function retryInfo(retryAfterMs: number): Any {
  const nanos = Math.round((retryAfterMs % 1000) * 1e6);
  const retryDelay = { seconds: BigInt(Math.trunc(retryAfterMs / 1000)), nanos };
  return anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay }));
}

/** As many violations as fit; the last one tells how many did not. */
function badRequest(violations: readonly FieldViolation[]): Any {
  const kept: FieldViolation[] = [];
  let bytes = 0;
  for (const { field, description, reason } of violations) {
    const violation = { field: clip(field), description: clip(description), reason: reason ?? '' };
    bytes += Buffer.byteLength(violation.field + violation.description + violation.reason) + 12;
    if (bytes > DETAILS_BYTES_MAX && kept.length > 0) {
      const left = violations.length - kept.length;
      kept.push({ field: '', description: `${left} further violations are not shown.`, reason: 'MORE_VIOLATIONS' });
      break;
    }
    kept.push(violation);
  }
  return anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations: kept }));
}

/** Cuts a long text and mends broken surrogates, which grpc-js could not write into a header. */
function clip(text: string): string {
  const whole = text.length <= TEXT_CHARACTERS_MAX ? text : `${text.slice(0, TEXT_CHARACTERS_MAX - 1)}…`;
  return whole.toWellFormed();
}
