import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Execution } from '@millrace/contracts/millrace/common/v1/job';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { createLiveBlock } from './render/live.ts';
import type { StepMark, StepView } from './render/steps.ts';
import { stepLines, stepText } from './render/steps.ts';
import type { Session } from './session.ts';

/** How often running times are drawn again, in milliseconds. */
const TICK_MS = 200;

/**
 * Shows how work goes on while its states arrive, and gives the last state: on a terminal one line a step that is drawn
 * in place; elsewhere a plain line whenever a step changes; with `--json` each state as a line.
 */
export async function watchWork<T>(
  session: Session,
  states: AsyncIterable<T>,
  view: { steps: (state: T, now: Date) => readonly StepView[]; json: (state: T) => Promise<void> },
): Promise<T | undefined> {
  let last: T | undefined;
  const block = session.isLive ? createLiveBlock(session.io.stdout) : undefined;
  const draw = () => (last === undefined ? [] : stepLines(view.steps(last, new Date()), session));
  const ticker = block && setInterval(() => block.update(draw()), TICK_MS);
  const told = new Map<string, string>();
  try {
    for await (const state of states) {
      last = state;
      if (session.isJson) await view.json(state);
      else if (block) block.update(draw());
      else tellChanges(session, view.steps(state, new Date()), told);
    }
  } finally {
    clearInterval(ticker);
    block?.end(draw());
  }
  return last;
}

/** Lines for the steps whose state, tenth of progress or message (but for its figures) changed. */
function tellChanges(session: Session, steps: readonly StepView[], told: Map<string, string>): void {
  for (const step of steps) {
    // Figures in a message change all the time (`round 43 of 100`): they alone are no news.
    const key = `${step.mark} ${Math.floor(step.fraction * 10)} ${step.message.replace(/\d+/g, '0')}`;
    if (step.mark === 'pending' || told.get(step.name) === key) continue;
    told.set(step.name, key);
    session.print(stepText(step));
  }
}

/** A step's view of long work. */
export function executionView(name: string, execution: Execution | undefined, now: Date, message?: string): StepView {
  return {
    name,
    mark: markOf(execution?.state),
    fraction: execution?.fraction ?? 0,
    rows: execution?.rows ?? 0n,
    millis: elapsed(execution?.startTime, execution?.endTime, now),
    message: message || execution?.failure?.message || execution?.message || '',
  };
}

/** Milliseconds from begin to end, or to now. */
export function elapsed(start: Timestamp | undefined, end: Timestamp | undefined, now: Date): number | undefined {
  if (!start) return undefined;
  return Math.max(0, (end ? timestampDate(end) : now).getTime() - timestampDate(start).getTime());
}

/** The mark of a state of long work. */
export function markOf(state: JobState | undefined): StepMark {
  switch (state) {
    case JobState.RUNNING:
      return 'running';
    case JobState.SUCCEEDED:
      return 'succeeded';
    case JobState.FAILED:
      return 'failed';
    case JobState.CANCELLED:
      return 'cancelled';
    default:
      return 'pending';
  }
}
