const UNIT_SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * A span of time as people write it, `90s`, `15m`, `1h30m`, `7d`, in the JSON form of protobuf's Duration (`604800s`).
 * Undefined when the text is no span. A day is 24 hours, a week 7 days.
 */
export function durationJson(text: string): string | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g))
    seconds += Number(amount) * (UNIT_SECONDS[unit as string] as number);
  return `${Number(seconds.toFixed(9))}s`;
}
