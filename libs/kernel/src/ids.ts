import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { Rng } from './rng.ts';

/** Where new ids come from. */
export interface IdSource {
  /** A new id: 26 lower-case Crockford base-32 characters, sorted by time (a ULID); valid as a resource id. */
  next(): string;
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

function encode(value: bigint, length: number): string {
  let text = '';
  for (let rest = value, i = 0; i < length; i++, rest >>= 5n) text = ALPHABET[Number(rest & 31n)] + text;
  return text;
}

/**
 * Makes a source of ULIDs (https://github.com/ulid/spec), lower case: 48 bits of time in milliseconds, 80 bits of chance.
 * Ids made within one millisecond by one source grow as well.
 */
export function createIdSource(clock: Clock = systemClock, entropy: () => bigint = randomBits): IdSource {
  let lastMs = -1;
  let low = 0n;
  return {
    next() {
      const ms = Math.max(clock.now().getTime(), lastMs);
      low = ms === lastMs ? (low + 1n) & ((1n << 80n) - 1n) : entropy();
      lastMs = ms;
      return encode(BigInt(ms), 10) + encode(low, 16);
    },
  };
}

/** Ids from a seeded generator: equal seeds give equal ids. For tests and reproducible runs. */
export function createSeededIdSource(clock: Clock, rng: Rng): IdSource {
  return createIdSource(clock, () => {
    let bits = 0n;
    for (let i = 0; i < 3; i++) bits = (bits << 32n) | BigInt(rng.nextUint32());
    return bits & ((1n << 80n) - 1n);
  });
}

function randomBits(): bigint {
  return BigInt(`0x${randomBytes(10).toString('hex')}`);
}
