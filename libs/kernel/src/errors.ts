/**
 * Status codes of gRPC, by name; `libs/rpc` maps them to numbers.
 * See https://grpc.io/docs/guides/status-codes/ for what each means.
 */
export type ErrorCode =
  | 'CANCELLED'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

/** One wrong field of a request: where it is, what stood there, and what to do about it. */
export interface FieldViolation {
  /** Path of the field, for example `pipeline.steps[2].train.label`. */
  readonly field: string;
  /** What is wrong with it and how to mend it, in a sentence. */
  readonly description: string;
  /** A stable code of the kind of violation, for example `UNKNOWN_COLUMN`. */
  readonly reason?: string;
}

/** What an {@link AppError} is made of. */
export interface AppErrorOptions {
  /** Stable, documented, UPPER_SNAKE_CASE: what programs test for, for example `MODEL_VERSION_NOT_FOUND`. */
  readonly reason: string;
  /** Named facts about the failure that are safe to send to the caller. */
  readonly fields?: Readonly<Record<string, string>>;
  /** All wrong fields of the request, reported at once. */
  readonly violations?: readonly FieldViolation[];
  /** The error behind this one: logged, never sent. */
  readonly cause?: unknown;
  /** How long the caller should wait before trying again, in milliseconds. */
  readonly retryAfterMs?: number;
}

/**
 * An expected failure: a condition that the code foresees and that its caller can act on. Anything else that is thrown
 * is a broken invariant and reaches callers as INTERNAL with an error id only.
 *
 * The message says what failed, with which value, and what to do.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly reason: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
    this.fields = options.fields ?? {};
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** True for an {@link AppError}, by structure, so that copies of this module in other realms are recognised too. */
export function isAppError(error: unknown): error is AppError {
  return error instanceof Error && error.name === 'AppError' && 'reason' in error && 'code' in error;
}

/** An INVALID_ARGUMENT error for one or more wrong fields. */
export function invalidArgument(reason: string, violations: readonly FieldViolation[], cause?: unknown): AppError {
  const message = violations.map((v) => `${v.field}: ${v.description}`).join('; ');
  return new AppError('INVALID_ARGUMENT', message, { reason, violations, cause });
}

/** A NOT_FOUND error for the resource of this name. `kind` is the glossary's word, for example `Dataset`. */
export function notFound(kind: string, name: string): AppError {
  const reason = `${kind.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()}_NOT_FOUND`;
  return new AppError('NOT_FOUND', `${kind} "${name}" does not exist. Check the name, or list what exists.`, {
    reason,
    fields: { name },
  });
}

/** Throws when a condition that the code relies on does not hold: a bug, not bad input. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${message}`);
}

/** The `message` of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
