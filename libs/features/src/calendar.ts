/** Proleptic Gregorian calendar on microseconds since 1970-01-01 UTC, as bigint: what DuckDB's naive timestamps are. */

/** Microseconds in each fixed unit. */
export const MICROS = {
  microsecond: 1n,
  millisecond: 1_000n,
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
  day: 86_400_000_000n,
  week: 604_800_000_000n,
} as const;

/** The least and the greatest finite timestamp of DuckDB, in microseconds. */
const TIMESTAMP_MIN = -9_223_372_022_400_000_000n;
const TIMESTAMP_MAX = 9_223_372_036_854_775_806n;

/** `micros` when it is a timestamp, else null. */
export function timestampOrNull(micros: bigint): bigint | null {
  return micros < TIMESTAMP_MIN || micros > TIMESTAMP_MAX ? null : micros;
}

/** Division rounded towards minus infinity. */
export function floorDiv(a: bigint, b: bigint): bigint {
  const q = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? q - 1n : q;
}

/** The day number (days since 1970-01-01) of a moment. */
export function dayOf(micros: bigint): number {
  return Number(floorDiv(micros, MICROS.day));
}

/** Year, month (1–12) and day (1–31) of a day number. Howard Hinnant, "chrono-compatible low-level date algorithms". */
export function civilFromDays(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return { year: yoe + era * 400 + (month <= 2 ? 1 : 0), month, day: doy - Math.floor((153 * mp + 2) / 5) + 1 };
}

/** The day number of a date; the same source. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy - 719_468;
}

/** Days in a month. */
export function daysInMonth(year: number, month: number): number {
  return month === 12 ? 31 : daysFromCivil(year, month + 1, 1) - daysFromCivil(year, month, 1);
}

/** A moment moved by whole months; a day that the month does not have becomes its last day. Null out of range. */
export function addMonths(micros: bigint, months: bigint): bigint | null {
  if (months > 10_000_000n || months < -10_000_000n) return null;
  const days = dayOf(micros);
  const { year, month, day } = civilFromDays(days);
  const index = year * 12 + (month - 1) + Number(months);
  const [y, m] = [Math.floor(index / 12), index - Math.floor(index / 12) * 12 + 1];
  const moved = daysFromCivil(y, m, Math.min(day, daysInMonth(y, m)));
  return timestampOrNull(BigInt(moved) * MICROS.day + (micros - BigInt(days) * MICROS.day));
}

const TIMESTAMP_TEXT = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?$/;

/** The moment that an ISO text names (`2001-01-31`, `2001-01-31 10:00`, `2001-01-31T10:00:00.123456`), or null. */
export function parseTimestamp(text: string): bigint | null {
  const match = TIMESTAMP_TEXT.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as number[];
  if (month! < 1 || month! > 12 || day! < 1 || day! > daysInMonth(year!, month!)) return null;
  if (hour! > 23 || minute! > 59 || second! > 59) return null;
  const micros = BigInt((match[7] ?? '').padEnd(6, '0'));
  const seconds = BigInt(daysFromCivil(year!, month!, day!)) * 86_400n + BigInt(hour! * 3600 + minute! * 60 + second!);
  return seconds * MICROS.second + micros;
}

const two = (n: number) => String(n).padStart(2, '0');

/** `2001-01-31` for a moment's day. */
export function formatDate(micros: bigint): string {
  const { year, month, day } = civilFromDays(dayOf(micros));
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

/** `2001-01-31 10:00:00[.123456]`, trailing zeros of the fraction dropped, as DuckDB prints a timestamp. */
export function formatTimestamp(micros: bigint): string {
  const rest = micros - BigInt(dayOf(micros)) * MICROS.day;
  const seconds = Number(rest / MICROS.second);
  const fraction = String(rest % MICROS.second)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${formatDate(micros)} ${time}${fraction ? `.${fraction}` : ''}`;
}
