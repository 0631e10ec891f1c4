import type { Moments } from './model.ts';

/** Moments of nothing: the identity of {@link mergeMoments}. */
export const noMoments: Moments = { n: 0, mean: 0, m2: 0 };

/** Largest magnitude that enters the moments. */
export const momentsMagnitudeMax = 1e150;

/**
 * Merges two moments (Chan, Golub, LeVeque 1979). Commutative exactly; associative up to rounding: relative errors of a
 * few units of 2^-52 for each merge, on the scale of the larger of `m2` and `n * mean^2`.
 */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.n === 0) return b;
  if (b.n === 0) return a;
  const n = a.n + b.n;
  const delta = Math.abs(b.mean - a.mean);
  return { n, mean: (a.n * a.mean + b.n * b.mean) / n, m2: a.m2 + b.m2 + delta * delta * ((a.n * b.n) / n) };
}

/** Population variance (divisor `n`), or null when there is no value. */
export function variance(moments: Moments): number | null {
  return moments.n === 0 ? null : moments.m2 / moments.n;
}

/** Running moments (Welford 1962). */
export class MomentsBuilder {
  #n = 0;
  #mean = 0;
  #m2 = 0;

  /** Adds one finite value; too large magnitudes are left out. */
  add(value: number): void {
    if (Math.abs(value) > momentsMagnitudeMax) return;
    this.#n++;
    const delta = value - this.#mean;
    this.#mean += delta / this.#n;
    this.#m2 += delta * (value - this.#mean);
  }

  /** The moments so far. */
  finish(): Moments {
    return { n: this.#n, mean: this.#mean, m2: this.#m2 };
  }
}
