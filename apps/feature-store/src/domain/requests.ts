import type { FeatureType, Value } from '@millrace/features';

/** A value as it stands in a message. */
export type WireValue =
  | { readonly case: 'booleanValue'; readonly value: boolean }
  | { readonly case: 'int64Value'; readonly value: bigint }
  | { readonly case: 'doubleValue'; readonly value: number }
  | { readonly case: 'stringValue'; readonly value: string }
  | { readonly case: undefined; readonly value?: undefined };

const DAY_MICROS = 86_400_000_000n;
const NULL: WireValue = { case: undefined };

/** Reads a value of a type; undefined when it is of another one. Whole numbers are taken for FLOAT64, whole doubles for INT64. */
export function fromWire(value: WireValue, type: FeatureType): Value | undefined {
  if (value.case === undefined) return null;
  switch (type) {
    case 'boolean':
      return value.case === 'booleanValue' ? value.value : undefined;
    case 'string':
      return value.case === 'stringValue' ? value.value : undefined;
    case 'float64':
      if (value.case === 'int64Value') return Number(value.value);
      return value.case === 'doubleValue' ? value.value : undefined;
    case 'int64':
      if (value.case === 'doubleValue' && Number.isSafeInteger(value.value)) return BigInt(value.value);
      return value.case === 'int64Value' ? value.value : undefined;
    case 'date':
      return value.case === 'int64Value' ? value.value * DAY_MICROS : undefined;
    case 'timestamp':
      return value.case === 'int64Value' ? value.value : undefined;
  }
}

/** Writes a value of a type. */
export function toWire(value: Value, type: FeatureType): WireValue {
  if (value === null) return NULL;
  switch (type) {
    case 'boolean':
      return { case: 'booleanValue', value: value as boolean };
    case 'string':
      return { case: 'stringValue', value: value as string };
    case 'float64':
      return { case: 'doubleValue', value: value as number };
    case 'date':
      return { case: 'int64Value', value: (value as bigint) / DAY_MICROS };
    case 'int64':
    case 'timestamp':
      return { case: 'int64Value', value: value as bigint };
  }
}
