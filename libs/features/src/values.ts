import type { FeatureType, Value } from './types.ts';

/** The order of two values of one type that are not null: negative, zero or positive. */
export type Order = (a: never, b: never) => number;

const plain = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);

/** Total order of doubles as DuckDB and Spark have it: NaN equals itself and is greater than everything; -0 equals 0. */
function compareDoubles(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0);
}

/** Order by Unicode code point, which is the order of the UTF-8 bytes; JavaScript's own `<` compares UTF-16 units. */
function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    const [xHigh, yHigh] = [x >= 0xd800 && x < 0xe000, y >= 0xd800 && y < 0xe000];
    return xHigh === yHigh ? x - y : xHigh ? 1 : -1;
  }
  return a.length - b.length;
}

/** The order of each type. Booleans: false before true. */
export function orderOf(type: FeatureType): (a: Value, b: Value) => number {
  if (type === 'float64') return compareDoubles as Order as (a: Value, b: Value) => number;
  if (type === 'string') return compareStrings as Order as (a: Value, b: Value) => number;
  if (type === 'boolean') return (a, b) => Number(a) - Number(b);
  return plain as Order as (a: Value, b: Value) => number;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** `x` when it fits 64 bits, else null. */
export function int64OrNull(x: bigint): bigint | null {
  return x < INT64_MIN || x > INT64_MAX ? null : x;
}

/** The nearest integer to a double, halves to the even one; null for what has none in 64 bits. */
export function int64FromDouble(x: number): bigint | null {
  if (!(x >= -(2 ** 63) && x < 2 ** 63)) return null;
  const floor = Math.floor(x);
  const rest = x - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  return BigInt(up ? floor + 1 : floor);
}
