import { AppError } from '@millrace/kernel';

const TIMEOUT_DEFAULT_MS = 10_000;
const POLL_MIN_MS = 5;
const POLL_MAX_MS = 100;

/** How long to wait, and for what. */
export interface WaitOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number;
  /** Names the condition in the failure; by default its source text. */
  readonly what?: string;
}

/**
 * Resolves as soon as `condition` holds, asking at 5 ms, then ever more rarely up to each 100 ms. Fails with AppError
 * DEADLINE_EXCEEDED `CONDITION_NOT_MET` after the time; what the condition throws is thrown at once.
 */
export async function waitFor(condition: () => boolean | Promise<boolean>, options: WaitOptions = {}): Promise<void> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_DEFAULT_MS;
  const start = performance.now();
  for (let pauseMs = POLL_MIN_MS; !(await condition()); pauseMs = Math.min(pauseMs * 1.5, POLL_MAX_MS)) {
    if (performance.now() - start > timeoutMs) {
      throw new AppError('DEADLINE_EXCEEDED', `Not within ${timeoutMs} ms: ${options.what ?? condition}`, {
        reason: 'CONDITION_NOT_MET',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
