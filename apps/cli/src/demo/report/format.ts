import type { Figure, ReportInterval, Text } from './report-data.ts';

/** What stands where a figure is missing. */
export const MISSING = '–';

/** Whether a figure was measured: a finite number. */
export function isKnown(value: Figure): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** A text that is there and not blank, or undefined. */
export function known(text: Text): string | undefined {
  return typeof text === 'string' && text.trim() !== '' ? text : undefined;
}

/** A whole number with thousands separators. */
export function count(value: Figure): string {
  return isKnown(value) ? WHOLE.format(value) : MISSING;
}

/** A whole number in a few characters: `1.43 M`, `284 k`, `950`. */
export function shortCount(value: Figure): string {
  if (!isKnown(value)) return MISSING;
  const size = Math.abs(value);
  if (size >= 999_500) return `${significant(value / 1e6, 3)} M`;
  if (size >= 10_000) return `${significant(value / 1e3, 3)} k`;
  return WHOLE.format(value);
}

/** A number with a fixed count of decimals. */
export function decimal(value: Figure, decimals = 3): string {
  return isKnown(value) ? value.toFixed(decimals).replace(/^-/, '−') : MISSING;
}

/** A share as a percentage. */
export function percent(value: Figure, decimals = 1): string {
  return isKnown(value) ? `${decimal(value * 100, decimals)} %` : MISSING;
}

/** A very small number in scientific notation, zero as zero. */
export function tiny(value: Figure): string {
  if (!isKnown(value)) return MISSING;
  return value === 0
    ? '0'
    : value.toExponential(1).replace('e-', ' × 10⁻').replace('e+', ' × 10^').replace(TRAILING, up);
}

/** A span of seconds: `41 ms`, `3.2 s`, `1 min 37 s`, `2 h 05 min`. */
export function seconds(value: Figure): string {
  if (!isKnown(value)) return MISSING;
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.95) return `${value.toFixed(2)} s`;
  if (value < 59.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** Milliseconds with a sensible count of decimals. */
export function milliseconds(value: Figure): string {
  return isKnown(value) ? `${significant(value, 3)} ms` : MISSING;
}

/** Memory given in MiB: `812 MiB`, `1.84 GiB`. */
export function memory(mib: Figure): string {
  if (!isKnown(mib)) return MISSING;
  return mib >= 1024 ? `${(mib / 1024).toFixed(2)} GiB` : `${Math.round(mib)} MiB`;
}

/** A confidence interval: `0.705 to 0.719`. */
export function interval(value: ReportInterval | null | undefined, decimals = 3): string {
  if (!value || !isKnown(value[0]) || !isKnown(value[1])) return MISSING;
  return `${decimal(value[0], decimals)} to ${decimal(value[1], decimals)}`;
}

/** Milliseconds since 1970 of an ISO 8601 text read as UTC, or undefined where it is none. */
export function instant(text: Text): number | undefined {
  const value = Date.parse(known(text) ?? '');
  return Number.isNaN(value) ? undefined : value;
}

/** A day: `8 Apr 2001`; the text itself where it is no time. */
export function day(text: Text | number, withYear = true): string {
  const value = typeof text === 'number' ? text : instant(text);
  if (value === undefined) return known(text as Text) ?? MISSING;
  return (withYear ? DAY_YEAR : DAY).format(value);
}

/** A moment: `23 Nov 2026, 16:29 UTC`. */
export function moment(text: Text): string {
  const value = instant(text);
  return value === undefined ? (known(text) ?? MISSING) : `${DAY_YEAR.format(value)}, ${CLOCK.format(value)} UTC`;
}

/** A month: `April 2001` of `2001-04`; the text itself where it is no month. */
export function month(text: Text): string {
  const value = /^\d{4}-\d{2}$/.test(text ?? '') ? instant(`${text}-01`) : undefined;
  return value === undefined ? (known(text) ?? MISSING) : MONTH_YEAR.format(value);
}

/** A number with about `digits` significant digits and no exponent. */
export function significant(value: number, digits: number): string {
  if (value === 0) return '0';
  const decimals = Math.max(0, Math.min(8, digits - 1 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(decimals).replace(/^-/, '−');
}

/** `1 row`, `2 rows`: a count with its noun. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${WHOLE.format(value)} ${value === 1 ? one : many}`;
}

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const DAY_YEAR = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const MONTH_YEAR = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
const TRAILING = /(?<=⁻|\^)\d+$/;
const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function up(digits: string): string {
  return [...digits].map((digit) => SUPERSCRIPTS[Number(digit)]).join('');
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
