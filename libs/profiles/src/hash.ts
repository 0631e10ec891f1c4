import { createHash } from 'node:crypto';

/**
 * Two 32-bit hash words of a value. Both producers of profiles (SQL and this process) compute the same ones:
 * texts take the first eight bytes of the MD5 of their UTF-8 form (DuckDB's `md5_number`, little-endian); numbers take
 * a 64-bit image (two's complement for integers below 2^53 in magnitude, else the IEEE 754 bits) mixed with the
 * finaliser of MurmurHash3 (Austin Appleby, public domain), which SQL can express with 64-bit unsigned arithmetic.
 * MD5 serves as a portable hash here, not for security.
 */
export interface HashWords {
  readonly low: number;
  readonly high: number;
}

/** Odd multipliers of the mixing step, shared with the SQL text. */
export const mixConstants = { lowOfHigh: 0x9e3779b1, highOfLow: 0x27d4eb2f };

/** Multipliers of MurmurHash3's 32-bit finaliser. */
export const finaliserConstants = { first: 0x85ebca6b, second: 0xc2b2ae35 };

const bits = new DataView(new ArrayBuffer(8));

/** Hash of a text. */
export function hashText(text: string): HashWords {
  const digest = createHash('md5').update(text, 'utf8').digest();
  return { low: digest.readUInt32LE(0), high: digest.readUInt32LE(4) };
}

/** Hash of a finite number; 0 and -0 are the same. */
export function hashNumber(value: number): HashWords {
  let low: number;
  let high: number;
  if (Number.isSafeInteger(value)) {
    low = value >>> 0;
    high = Math.floor(value / 4294967296) >>> 0;
  } else {
    bits.setFloat64(0, value);
    high = bits.getUint32(0);
    low = bits.getUint32(4);
  }
  const first = finalise(low ^ Math.imul(high, mixConstants.lowOfHigh));
  const second = Math.imul((first >>> 12) ^ high, mixConstants.highOfLow);
  return { low: first, high: (second ^ (second >>> 15)) >>> 0 };
}

function finalise(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, finaliserConstants.first);
  h ^= h >>> 13;
  h = Math.imul(h, finaliserConstants.second);
  return (h ^ (h >>> 16)) >>> 0;
}
