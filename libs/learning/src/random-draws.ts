import type { Rng } from '@millrace/kernel';

/** Means from which on a Poisson number is drawn as a rounded normal one. */
const NORMAL_FROM = 64;

/**
 * A Poisson number: by inversion for small means; from 64 on a normal number of the same mean and variance, rounded
 * (its skewness, below 1/8, is left out).
 */
export function drawPoisson(rng: Rng, mean: number): number {
  if (mean >= NORMAL_FROM) return Math.max(0, Math.round(mean + Math.sqrt(mean) * drawNormal(rng)));
  const u = rng.next();
  let term = Math.exp(-mean);
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
  return Math.sqrt(-2 * Math.log(1 - rng.next())) * Math.cos(2 * Math.PI * rng.next());
}
