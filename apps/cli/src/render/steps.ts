import { bar } from './bars.ts';
import { count, duration } from './format.ts';
import type { Style } from './style.ts';
import { clip, displayWidth, oneLine, pad } from './width.ts';

/** Where a piece of work stands. */
export type StepMark = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'skipped' | 'unchanged';

/** One line of progress: a step of a pipeline run, or a load, or a training. */
export interface StepView {
  readonly name: string;
  readonly mark: StepMark;
  /** Share of the work that is done, 0 to 1. */
  readonly fraction: number;
  readonly rows: number | bigint;
  /** How long it has taken so far; undefined before it began. */
  readonly millis: number | undefined;
  readonly message: string;
}

const MARKS: Readonly<Record<StepMark, string>> = {
  pending: '·',
  running: '▸',
  succeeded: '✔',
  failed: '✘',
  cancelled: '■',
  skipped: '–',
  unchanged: '=',
};

/** Steps as lines that fit a width: mark, name, bar, rows, time, message. */
export function stepLines(steps: readonly StepView[], options: { width: number; style: Style }): string[] {
  const { width, style } = options;
  const nameWidth = Math.min(
    28,
    steps.reduce((a, s) => Math.max(a, displayWidth(s.name)), 4),
  );
  const rowsTexts = steps.map((s) => (s.rows > 0 ? `${count(s.rows)} rows` : ''));
  const rowsWidth = rowsTexts.reduce((a, t) => Math.max(a, t.length), 0);
  const barWidth = width >= 90 ? 16 : 8;
  return steps.map((step, i) => {
    const time = step.millis === undefined ? '' : duration(step.millis);
    const head = `${MARKS[step.mark]} ${pad(clip(step.name, nameWidth), nameWidth)}  ${bar(shareOf(step), barWidth, '·')}  ${pad(rowsTexts[i] as string, rowsWidth, 'right')}  ${pad(time, 7, 'right')}`;
    const message = clip(oneLine(step.message), Math.max(0, width - displayWidth(head) - 2));
    return `${colour(step.mark, style)(head)}${message ? `  ${style.dim(message)}` : ''}`.trimEnd();
  });
}

/** One step as a plain line, for output that is no terminal. */
export function stepText(step: StepView): string {
  const parts = [
    `${step.name}: ${step.mark}`,
    step.mark === 'running' && step.fraction > 0 ? `${Math.floor(step.fraction * 100)} %` : '',
    step.rows > 0 ? `${count(step.rows)} rows` : '',
    step.millis === undefined || step.mark === 'running' ? '' : duration(step.millis),
    oneLine(step.message),
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function shareOf(step: StepView): number {
  return step.mark === 'succeeded' || step.mark === 'unchanged' ? 1 : step.fraction;
}

function colour(mark: StepMark, style: Style): (text: string) => string {
  switch (mark) {
    case 'succeeded':
      return style.good;
    case 'failed':
      return style.bad;
    case 'cancelled':
      return style.warn;
    case 'running':
      return style.accent;
    default:
      return style.dim;
  }
}
