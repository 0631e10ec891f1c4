/** Milliseconds of a day. */
export const DAY_MS = 86_400_000;

/** Midnights from `start` to `end`, the end not included. */
export function days(start: string, end: string): Date[] {
  const found: Date[] = [];
  for (let at = Date.parse(start); at < Date.parse(end); at += DAY_MS) found.push(new Date(at));
  return found;
}

/** A moment as `2001-04-01T00:00:00Z`. */
export function rfc3339(at: Date): string {
  return at.toISOString().replace('.000Z', 'Z');
}
