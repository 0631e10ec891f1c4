import { logFactorial } from './special-functions.ts';

/** Larger samples take the asymptotic p-value, as in SciPy's `ks_2samp(method='auto')`. */
export const exactSampleMax = 10_000;

/** Two-sided p-value of a two-sample KS statistic, exact up to {@link exactSampleMax} values on the larger side. */
export function ksPValue(statistic: number, m: number, n: number): number {
  return Math.max(m, n) <= exactSampleMax ? ksPValueExact(statistic, m, n) : ksPValueAsymptotic(statistic, m, n);
}

/**
 * P(D >= statistic) for two samples without ties: the share of lattice paths from (0, 0) to (m, n) that leave the band
 * |i / m - j / n| < D, by recursion over all points (Hodges 1958). m n steps; memory n. As in SciPy, ties are ignored.
 */
export function ksPValueExact(statistic: number, m: number, n: number): number {
  const limit = Math.round(statistic * m * n);
  if (limit <= 0) return 1;
  const left = new Float64Array(n + 1);
  for (let i = 0; i <= m; i++) {
    for (let j = 0; j <= n; j++) {
      if (i === 0 && j === 0) continue;
      if (Math.abs(i * n - j * m) >= limit) left[j] = 1;
      else left[j] = ((i === 0 ? 0 : i * left[j]!) + (j === 0 ? 0 : j * left[j - 1]!)) / (i + j);
    }
  }
  return left[n]!;
}

/**
 * Asymptotic two-sided p-value: the one-sample distribution at the effective size round(m n / (m + n)), as SciPy does.
 * Up to size 1000 exact (Marsaglia, Tsang, Wang 2003; upper tail as twice Smirnov's one-sided sum, absolute error below 1e-10);
 * above by the limit distribution with Vrbik's (2018) correction, absolute error below 1e-5.
 */
export function ksPValueAsymptotic(statistic: number, m: number, n: number): number {
  const size = roundHalfToEven((m * n) / (m + n));
  if (statistic <= 0 || size === 0) return 1;
  if (statistic >= 1) return 0;
  if (size > 1000) return limitSurvival(statistic, size);
  if (size * statistic * statistic >= 4) return Math.min(1, 2 * oneSidedSurvival(statistic, size));
  return Math.min(1, Math.max(0, 1 - kolmogorovCdf(statistic, size)));
}

/** SciPy rounds with numpy, which takes halves to the even neighbour. */
function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

function limitSurvival(d: number, n: number): number {
  const root = Math.sqrt(n);
  const plain = root * d;
  const x = plain + 1 / (6 * root) + (plain - 1) / (4 * n);
  if (x < 0.2) return 1;
  let sum = 0;
  for (let k = 1; k <= 100; k++) {
    const term = Math.exp(-2 * k * k * x * x);
    sum += k % 2 === 1 ? term : -term;
    if (term < 1e-18) break;
  }
  return Math.min(1, Math.max(0, 2 * sum));
}

/** Smirnov's P(D+ >= d) = d sum over j of C(n, j) (d + j / n)^(j - 1) (1 - d - j / n)^(n - j). */
function oneSidedSurvival(d: number, n: number): number {
  let sum = 0;
  for (let j = 0; j <= Math.floor(n * (1 - d)); j++) {
    const rest = 1 - d - j / n;
    const logChoose = logFactorial(n) - logFactorial(j) - logFactorial(n - j);
    const tail = n === j ? 0 : (n - j) * Math.log(rest);
    if (rest > 0 || n === j) sum += Math.exp(logChoose + (j - 1) * Math.log(d + j / n) + tail);
  }
  return d * sum;
}

/** P(D_n < d) as an element of the n-th power of a matrix of 2k - 1 rows, k = ceil(n d). */
function kolmogorovCdf(d: number, n: number): number {
  const k = Math.floor(n * d) + 1;
  const m = 2 * k - 1;
  const h = k - n * d;
  const matrix = startMatrix(m, h);
  let power = matrix;
  let result: Float64Array | undefined;
  for (let bit = n; bit > 0; bit = Math.floor(bit / 2)) {
    // Scaling each factor by e / n spreads n! / n^n over the product and keeps entries in range.
    if (bit % 2 === 1) result = result === undefined ? power : multiply(result, power, m);
    if (bit > 1) power = multiply(power, power, m);
  }
  const logScale = logFactorial(n) - n * Math.log(n) + n;
  return result![(k - 1) * m + k - 1]! * Math.exp(logScale);
}

function startMatrix(m: number, h: number): Float64Array {
  const a = new Float64Array(m * m);
  for (let i = 0; i < m; i++) for (let j = 0; j < m; j++) a[i * m + j] = i - j + 1 < 0 ? 0 : 1;
  for (let i = 0; i < m; i++) {
    a[i * m] = a[i * m]! - h ** (i + 1);
    a[(m - 1) * m + i] = a[(m - 1) * m + i]! - h ** (m - i);
  }
  a[(m - 1) * m] = a[(m - 1) * m]! + (2 * h - 1 > 0 ? (2 * h - 1) ** m : 0);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < m; j++) {
      if (i - j + 1 > 0) a[i * m + j] = a[i * m + j]! * Math.exp(-logFactorial(i - j + 1));
      a[i * m + j] = a[i * m + j]! / Math.E;
    }
  }
  return a;
}

function multiply(a: Float64Array, b: Float64Array, m: number): Float64Array {
  const c = new Float64Array(m * m);
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < m; k++) {
      const x = a[i * m + k]!;
      if (x === 0) continue;
      for (let j = 0; j < m; j++) c[i * m + j] = c[i * m + j]! + x * b[k * m + j]!;
    }
  }
  return c;
}
