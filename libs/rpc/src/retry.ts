import type { DescMethod } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import type { AppError } from '@millrace/kernel';

/** How a failed call is tried again. */
export interface RetryPolicy {
  /** Attempts altogether, the first included. */
  readonly attemptsMax: number;
  /** The longest wait before the second attempt; it doubles for each further one. Milliseconds. */
  readonly baseDelayMs: number;
  /** The longest wait at all. Milliseconds. */
  readonly maxDelayMs: number;
  /** A uniform number in [0, 1): the jitter. */
  readonly random: () => number;
}

/** The policy when a channel names none. */
export const RETRY_POLICY: RetryPolicy = { attemptsMax: 4, baseDelayMs: 50, maxDelayMs: 2000, random: Math.random };

const TOKENS_MAX = 10;
const TOKENS_PER_SUCCESS = 0.1;

/**
 * Keeps retries from making an overload worse: each retryable failure takes a token, each success gives a tenth back,
 * and there are no retries while less than half of the tokens are left (gRFC A6, "Throttling Retry Attempts").
 */
export class RetryBudget {
  #tokens = TOKENS_MAX;

  /** Counts a call that succeeded. */
  succeeded(): void {
    this.#tokens = Math.min(TOKENS_MAX, this.#tokens + TOKENS_PER_SUCCESS);
  }

  /** Counts a retryable failure; true when a retry is within the budget. */
  failed(): boolean {
    this.#tokens = Math.max(0, this.#tokens - 1);
    return this.#tokens > TOKENS_MAX / 2;
  }
}

/** Whether the contract allows to send a call of this method twice. */
export function isRetrySafe(method: DescMethod): boolean {
  return method.idempotency === Idempotency.NO_SIDE_EFFECTS || method.idempotency === Idempotency.IDEMPOTENT;
}

/** Whether another attempt may succeed: UNAVAILABLE, or RESOURCE_EXHAUSTED when the server says when to come back. */
export function isRetryable(error: AppError): boolean {
  return error.code === 'UNAVAILABLE' || (error.code === 'RESOURCE_EXHAUSTED' && error.retryAfterMs !== undefined);
}

/** How long to wait before attempt number `attempt` (2 is the first retry): full jitter, never less than the server asks. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, error: AppError): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 2));
  return Math.max(error.retryAfterMs ?? 0, ceiling * policy.random());
}
