/** Runs that one advance may begin for one schedule; more is taken for a mistake in the time. */
export const TICKS_MAX = 10_000;

/**
 * The multiples of a span (since 1970-01-01T00:00:00Z, both in milliseconds) in (`from`, `to`], oldest first; without
 * `from` (a calendar that is moved first) only the newest one. Undefined when there are more than {@link TICKS_MAX}.
 */
export function calendarTicks(everyMs: number, from: Date | undefined, to: Date): Date[] | undefined {
  const last = Math.floor(to.getTime() / everyMs);
  const first = from === undefined ? last : Math.floor(from.getTime() / everyMs) + 1;
  const count = last - first + 1;
  if (count > TICKS_MAX) return undefined;
  return Array.from({ length: Math.max(0, count) }, (_, i) => new Date((first + i) * everyMs));
}

/** A moment as RFC 3339 in UTC, without a fraction where it has none. */
export function timeText(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}
