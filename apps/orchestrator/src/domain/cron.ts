import { Cron } from 'croner';

/** Occurrences that are looked at when times were missed, at most. */
const LOOK_BACK_MAX = 1000;
/** A tick that is no older than this, in milliseconds, is on time and no catching up. */
const ON_TIME_MS = 60_000;

/** Reads a cron expression of five fields in an IANA time zone (empty: UTC). Throws an Error that says what is wrong. */
export function parseCron(expression: string, timeZone: string): Cron {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5) throw new Error(`it has ${fields.length} fields.`);
  const cron = new Cron(expression.trim(), { timezone: timeZone || 'UTC', paused: true });
  if (cron.nextRun() === null) throw new Error('it never comes true.');
  return cron;
}

/** The first occurrence after a moment. */
export function nextTick(cron: Cron, after: Date): Date | undefined {
  return cron.nextRun(after) ?? undefined;
}

/**
 * The ticks to run now, oldest first: of those in [`dueAt`, `now`] the newest `catchUpMax`, and the newest in any case
 * when it is at most a minute old.
 */
export function ticksToRun(cron: Cron, dueAt: Date, now: Date, catchUpMax: number): Date[] {
  const count = Math.min(Math.max(catchUpMax, 1), LOOK_BACK_MAX);
  const after = new Date(now.getTime() + 1);
  const newest = cron.previousRuns(count, after).filter((tick) => tick >= dueAt && tick <= now);
  const last = newest[0];
  if (!last) return [];
  if (catchUpMax > 0) return newest.reverse();
  return now.getTime() - last.getTime() <= ON_TIME_MS ? [last] : [];
}
