/** Settings of one call. */
export interface CallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** How long the call may take, all attempts together, in milliseconds. */
  readonly timeoutMs?: number;
  /** When the call must have finished; the earlier of both holds. */
  readonly deadline?: Date;
  /** Headers with text values. */
  readonly metadata?: Readonly<Record<string, string>>;
}
