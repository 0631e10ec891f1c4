import type { Rng } from '@millrace/kernel';

/** Taken from `Math` once: in the realm that tests run in, each look-up of a global is slow. */
const { cos, exp, log, max, PI, round, sqrt } = Math;

/** Means from which on a Poisson number is drawn as a rounded normal one. */
const NORMAL_FROM = 64;

/**
 * A Poisson number: by inversion for small means; from 64 on a normal number of the same mean and variance, rounded
 * (its skewness, below 1/8, is left out).
 */
export function drawPoisson(rng: Rng, mean: number): number {
  if (mean >= NORMAL_FROM) return max(0, round(mean + sqrt(mean) * drawNormal(rng)));
  const u = rng.next();
  let term = exp(-mean);
  let sum = term;
  let k = 0;
  while (u > sum && term > 1e-30) {
    k++;
    term *= mean / k;
    sum += term;
  }
  return k;
}

/** A standard normal number (Box and Muller, 1958; the cosine branch). */
export function drawNormal(rng: Rng): number {
  return sqrt(-2 * log(1 - rng.next())) * cos(2 * PI * rng.next());
}
