import { invalidArgument } from '@millrace/kernel';
import { floorDiv, MICROS } from './calendar.ts';

const UNITS: Readonly<Record<string, bigint>> = {
  us: MICROS.microsecond,
  ms: MICROS.millisecond,
  s: MICROS.second,
  m: MICROS.minute,
  h: MICROS.hour,
  d: MICROS.day,
  w: MICROS.week,
};

/** Longest duration: 100 years of 365 days, in microseconds. */
const DURATION_MAX = MICROS.day * 36_500n;

/**
 * Reads a duration such as `90s`, `15m`, `6h`, `1d`, `4w` as microseconds (units: us ms s m h d w; a day is 24 hours).
 * Throws INVALID_ARGUMENT `DURATION_INVALID` naming the field. Zero is only allowed where `zero` says so.
 */
export function parseDuration(text: string, field: string, zero: 'zero' | 'positive' = 'positive'): bigint {
  const match = /^(\d{1,12})(us|ms|s|m|h|d|w)$/.exec(text);
  const micros = match ? BigInt(match[1]!) * UNITS[match[2]!]! : -1n;
  if (micros >= (zero === 'zero' ? 0n : 1n) && micros <= DURATION_MAX) return micros;
  throw invalidArgument('DURATION_INVALID', [
    {
      field,
      reason: 'DURATION_INVALID',
      description: `${JSON.stringify(text.slice(0, 80))} is not a duration. Write a whole number and a unit (us, ms, s, m, h, d, w), like 6h or 28d, at most 100 years.`,
    },
  ]);
}

/**
 * The refresh boundaries of a view: the moments `offset + i · cadence` for every integer i, in microseconds UTC. A view
 * without refresh has a cadence of one microsecond, so that every moment is a boundary.
 */
export interface Refresh {
  readonly cadenceMicros: bigint;
  /** In [0, cadence). */
  readonly offsetMicros: bigint;
}

/** The last boundary at or before a moment, in microseconds. */
export function boundaryAtOrBefore(refresh: Refresh, micros: bigint): bigint {
  return refresh.offsetMicros + boundaryIndex(refresh, micros) * refresh.cadenceMicros;
}

/** The number i of the last boundary at or before a moment. */
export function boundaryIndex(refresh: Refresh, micros: bigint): bigint {
  return floorDiv(micros - refresh.offsetMicros, refresh.cadenceMicros);
}

/** SQL of {@link boundaryIndex} for a BIGINT of microseconds; `roundUp` gives the first boundary at or after it. */
export function boundaryIndexSql(refresh: Refresh, microsSql: string, roundUp: boolean): string {
  const { cadenceMicros: c, offsetMicros } = refresh;
  if (c === 1n) return microsSql;
  const shift = offsetMicros - (roundUp ? c - 1n : 0n);
  const x = shift === 0n ? microsSql : `(${microsSql} - CAST(${shift} AS BIGINT))`;
  // Integer division rounds towards zero; taking off the non-negative remainder first makes it round down.
  return `((${x} - ((${x} % ${c}) + ${c}) % ${c}) // ${c})`;
}
