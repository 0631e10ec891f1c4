import type { Execution } from '@millrace/contracts/millrace/common/v1/job';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { ErrorCode } from '@millrace/kernel';
import { AppError } from '@millrace/kernel';

/** Anything whose work is long. */
interface LongWork {
  readonly execution?: Execution | undefined;
}

/**
 * Follows a `Watch…` stream to its end and gives the last state. `onChange` sees each state on the way.
 *
 * @throws AppError with the work's own code, reason and message when it failed; CANCELLED `CANCELLED` when it was stopped;
 * UNAVAILABLE `WATCH_ENDED` when the stream ends before the work does.
 */
export async function untilEnded<T extends LongWork>(
  states: AsyncIterable<T>,
  onChange?: (state: T) => void,
): Promise<T> {
  let last: T | undefined;
  for await (const state of states) {
    last = state;
    onChange?.(state);
  }
  switch (last?.execution?.state) {
    case JobState.SUCCEEDED:
      return last;
    case JobState.FAILED:
      throw failureOf(last.execution);
    case JobState.CANCELLED:
      throw new AppError('CANCELLED', 'The work was cancelled.', { reason: 'CANCELLED' });
    default:
      throw new AppError('UNAVAILABLE', 'The stream ended before the work did. Watch it again.', {
        reason: 'WATCH_ENDED',
      });
  }
}

/** The resources in the messages of a `Watch…` stream: `resourcesOf(client.watchX({ name }), ({ x }) => x)`. */
export async function* resourcesOf<M, T>(
  messages: AsyncIterable<M>,
  pick: (message: M) => T | undefined,
): AsyncGenerator<T> {
  for await (const message of messages) {
    const resource = pick(message);
    if (resource !== undefined) yield resource;
  }
}

function failureOf(execution: Execution): AppError {
  const failure = execution.failure;
  return new AppError((failure?.code || 'INTERNAL') as ErrorCode, failure?.message || 'The work failed.', {
    reason: failure?.reason || 'UNKNOWN',
    violations: failure?.violations.map(({ field, description, reason }) => ({ field, description, reason })) ?? [],
  });
}
