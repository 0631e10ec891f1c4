import { chiSquareSurvival } from './special-functions.ts';

/**
 * Distances between two discrete distributions over the same bins. `p` holds the reference's shares, `q` the current
 * ones, each summing to 1. Definitions follow SciPy and Evidently; see fixtures/drift_reference.json for their answers.
 */
type Shares = readonly number[];

/** Share that stands for an empty bin in {@link psi}; shares are not renormalised after. */
export const psiZeroShare = 1e-4;

/** Population stability index: sum of (q - p) ln(q / p). 0 … about 18; below 0.1 is commonly read as stable. */
export function psi(p: Shares, q: Shares): number {
  return sumOver(p, q, (a, b) => {
    const x = a === 0 ? psiZeroShare : a;
    const y = b === 0 ? psiZeroShare : b;
    return (y - x) * Math.log(y / x);
  });
}

/** Jensen–Shannon distance with the natural logarithm, 0 … sqrt(ln 2) = 0.8326 (`scipy.spatial.distance.jensenshannon`). */
export function jensenShannonDistance(p: Shares, q: Shares): number {
  return Math.sqrt(jensenShannonDivergence(p, q));
}

/** Jensen–Shannon divergence in bits, 0 … 1. */
export function jsDivergenceBase2(p: Shares, q: Shares): number {
  return jensenShannonDivergence(p, q) / Math.LN2;
}

/** Hellinger distance, 0 … 1. */
export function hellinger(p: Shares, q: Shares): number {
  return Math.sqrt(sumOver(p, q, (a, b) => (Math.sqrt(a) - Math.sqrt(b)) ** 2) / 2);
}

/** Total variation distance: half the sum of absolute differences, 0 … 1. */
export function totalVariation(p: Shares, q: Shares): number {
  return sumOver(p, q, (a, b) => Math.abs(a - b)) / 2;
}

/** L-infinity distance: the largest difference of a bin's shares, 0 … 1. */
export function linfinity(p: Shares, q: Shares): number {
  return p.reduce((max, a, i) => Math.max(max, Math.abs(a - q[i]!)), 0);
}

/** Outcome of a chi-square test of homogeneity with a reference as the expectation. */
export interface ChiSquare {
  /** The statistic; infinite when a value occurs that the reference does not have. */
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  readonly pValue: number;
}

/**
 * Pearson's chi-square of current counts against reference counts scaled to the current total
 * (`scipy.stats.chisquare`, as Evidently calls it). With fewer than two bins in use the p-value is 1.
 */
export function chiSquare(referenceCounts: readonly number[], currentCounts: readonly number[]): ChiSquare {
  const used = referenceCounts.map((_, i) => i).filter((i) => referenceCounts[i]! > 0 || currentCounts[i]! > 0);
  const scale = sum(currentCounts) / sum(referenceCounts);
  let statistic = 0;
  for (const i of used) {
    const expected = referenceCounts[i]! * scale;
    statistic += (currentCounts[i]! - expected) ** 2 / expected;
  }
  const degreesOfFreedom = Math.max(0, used.length - 1);
  const pValue = degreesOfFreedom === 0 ? 1 : chiSquareSurvival(statistic, degreesOfFreedom);
  return { statistic, degreesOfFreedom, pValue };
}

/** Two-sided p-value of the pooled z test that two proportions `a / m` and `b / n` are equal; 1 when both are 0 or 1. */
export function proportionsPValue(a: number, m: number, b: number, n: number): number {
  const pooled = (a + b) / (m + n);
  const variance = pooled * (1 - pooled) * (1 / m + 1 / n);
  if (variance === 0) return 1;
  // The square of a standard normal value has a chi-square distribution with one degree of freedom.
  return chiSquareSurvival((a / m - b / n) ** 2 / variance, 1);
}

/** Counts as shares of their sum; all zero when the sum is. */
export function toShares(counts: readonly number[]): number[] {
  const total = sum(counts);
  return counts.map((count) => (total === 0 ? 0 : count / total));
}

function jensenShannonDivergence(p: Shares, q: Shares): number {
  const part = (a: number, m: number) => (a === 0 ? 0 : a * Math.log(a / m));
  const divergence = sumOver(p, q, (a, b) => part(a, (a + b) / 2) + part(b, (a + b) / 2)) / 2;
  return Math.max(0, divergence);
}

function sumOver(p: Shares, q: Shares, term: (a: number, b: number) => number): number {
  return p.reduce((total, a, i) => total + term(a, q[i]!), 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
