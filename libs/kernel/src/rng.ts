/** Taken from `Math` once: in the realm that Jest runs tests in, each look-up of a global costs more than the draw. */
const { imul } = Math;

/** A seeded stream of pseudo-random numbers: the same seed gives the same stream on every machine. */
export interface Rng {
  /** A uniform integer in [0, 2^32). */
  nextUint32(): number;
  /** A uniform double in [0, 1) with 53 random bits. */
  next(): number;
  /** A uniform integer in [0, bound), without modulo bias; 1 ≤ bound ≤ 2^32. */
  nextInt(bound: number): number;
  /** An independent stream named by `label`; the same label gives the same stream, whatever was drawn before. */
  fork(label: string): Rng;
}

/**
 * Makes an {@link Rng}: xoshiro128** (Blackman and Vigna, 2018, https://prng.di.unimi.it), its state filled by
 * splitmix32 from the seed. Not for secrets.
 */
export function createRng(seed: number | string): Rng {
  const start = typeof seed === 'number' ? Math.trunc(seed) % 2 ** 53 : hash53(seed);
  let mix = (start ^ Math.floor(start / 2 ** 32)) >>> 0;
  const splitmix = () => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = imul(z ^ (z >>> 16), 0x21f0aaad);
    z = imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()];

  const nextUint32 = () => {
    const scrambled = imul(rotateLeft(imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotateLeft(d, 11);
    return scrambled;
  };

  return {
    nextUint32,
    next: () => ((nextUint32() >>> 5) * 0x4000000 + (nextUint32() >>> 6)) / 2 ** 53,
    nextInt(bound) {
      if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32)
        throw new RangeError(`bound ${bound} is not in 1..2^32`);
      const limit = 2 ** 32 - (2 ** 32 % bound);
      for (;;) {
        const x = nextUint32();
        if (x < limit) return x % bound;
      }
    },
    fork: (label) => createRng(`${typeof seed === 'number' ? `#${seed}` : seed}/${label}`),
  };
}

/** Shuffles `items` in place (Fisher and Yates, in Durstenfeld's form) and gives them back. */
export function shuffle<T>(items: T[], rng: Rng): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = rng.nextInt(i + 1);
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

/** A 53-bit string hash (cyrb53 by bryc, public domain): spreads seeds, nothing more. */
function hash53(text: string): number {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const ch = text.charCodeAt(i);
    h1 = imul(h1 ^ ch, 2654435761);
    h2 = imul(h2 ^ ch, 1597334677);
  }
  h1 = imul(h1 ^ (h1 >>> 16), 2246822507) ^ imul(h2 ^ (h2 >>> 13), 3266489909);
  h2 = imul(h2 ^ (h2 >>> 16), 2246822507) ^ imul(h1 ^ (h1 >>> 13), 3266489909);
  return 4294967296 * (2097151 & h2) + (h1 >>> 0);
}
