import type { DatatypeSpec, TensorValues } from './datatypes.ts';
import { TensorError } from './tensor-values.ts';

const MICROS_PER_DAY = 86_400_000_000n;

/** RFC 3339, the zone and the time of day optional (UTC then), with up to nine digits of a second's fraction. */
const RFC_3339 = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?)?$/i;

/**
 * Timestamps in microseconds since 1970-01-01T00:00:00Z, or dates in days, from INT64 of that unit or from BYTES with
 * RFC 3339 text. Throws TensorError.
 */
export function parseTimes(kind: 'TIMESTAMP' | 'DATE', type: DatatypeSpec, values: TensorValues): BigInt64Array {
  if (values instanceof BigInt64Array) return values;
  if (!Array.isArray(values)) {
    const unit = kind === 'DATE' ? 'days' : 'microseconds';
    throw new TensorError(`has datatype ${type.name}. Send INT64 (${unit} since 1970) or BYTES (RFC 3339).`);
  }
  return BigInt64Array.from(values, (text) => {
    const micros = microsOf(text);
    if (kind === 'TIMESTAMP') return micros;
    return (micros - (((micros % MICROS_PER_DAY) + MICROS_PER_DAY) % MICROS_PER_DAY)) / MICROS_PER_DAY;
  });
}

/** Microseconds since 1970 of an RFC 3339 text. Throws TensorError. */
export function microsOf(text: string): bigint {
  const [, day, time = '00:00:00', fraction = '', zone = 'Z'] = RFC_3339.exec(text) ?? [];
  const ms = day === undefined ? Number.NaN : Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(ms)) {
    throw new TensorError(
      `has the value ${JSON.stringify(text.slice(0, 40))}. Send RFC 3339, for example 2001-04-01T09:30:00Z.`,
    );
  }
  return BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6) || '0');
}
