import { AppError, isAppError } from '@millrace/kernel';

/** Resolves as `promise` does, or rejects with the signal's reason as soon as it is aborted. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      },
      (error) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      },
    );
  });
}

/** Waits, unless the signal is aborted first: then it rejects with the signal's reason. */
export function delay(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(resolve), ms);
    const onAborts = signals.map((signal) => () => finish(() => reject(signal.reason)));
    signals.forEach((signal, i) => {
      if (signal.aborted) onAborts[i]!();
      else signal.addEventListener('abort', onAborts[i]!);
    });
    function finish(settle: () => void) {
      clearTimeout(timer);
      signals.forEach((signal, i) => {
        signal.removeEventListener('abort', onAborts[i]!);
      });
      settle();
    }
  });
}

/** What a call that was given up fails with: the signal's own AppError, or CANCELLED `CALL_CANCELLED`. */
export function cancelledError(method: string, reason: unknown): AppError {
  if (isAppError(reason)) return reason;
  return new AppError('CANCELLED', `The call of ${method} was cancelled by its caller.`, {
    reason: 'CALL_CANCELLED',
    fields: { method },
    cause: reason,
  });
}

/** DEADLINE_EXCEEDED `DEADLINE_EXCEEDED` of a call. */
export function deadlineError(method: string, timeoutMs?: number): AppError {
  const within = timeoutMs === undefined ? 'by its deadline' : `within ${Math.round(timeoutMs)} ms`;
  return new AppError('DEADLINE_EXCEEDED', `${method} did not finish ${within}. Try again, or allow more time.`, {
    reason: 'DEADLINE_EXCEEDED',
    fields: { method, ...(timeoutMs !== undefined && { timeout_ms: String(Math.round(timeoutMs)) }) },
  });
}
