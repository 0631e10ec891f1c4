import type { FeatureType, Value } from '@millrace/features';

/**
 * The values of a row of the online store as text: a JSON array by feature. Numbers that JSON cannot hold exactly are
 * written as texts (NaN, infinities, -0, integers beyond 2^53); dates and timestamps are microseconds since 1970-01-01.
 */
export function encodeValues(values: readonly Value[]): string {
  return JSON.stringify(values.map(encode));
}

function encode(value: Value): null | boolean | number | string {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value);
  return value;
}

/** Reads {@link encodeValues} back, given the features' types. */
export function decodeValues(text: string, types: readonly FeatureType[]): Value[] {
  const encoded = JSON.parse(text) as (null | boolean | number | string)[];
  return types.map((type, i) => {
    const value = encoded[i] ?? null;
    if (value === null || type === 'boolean' || type === 'string') return value;
    return type === 'float64' ? Number(value) : BigInt(value);
  });
}

/** An entity's key in the online store: a JSON array of its keys as texts. Undefined when one of them is missing. */
export function entityKey(keys: readonly Value[]): string | undefined {
  return keys.includes(null) ? undefined : JSON.stringify(keys.map(String));
}
