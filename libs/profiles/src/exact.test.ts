import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import * as distances from './distances.ts';
import * as exact from './exact.ts';
import { ksPValueAsymptotic } from './kolmogorov.ts';

interface Pair {
  readonly name: string;
  readonly kind: 'num' | 'cat';
  readonly reference: readonly (number | string | null)[];
  readonly current: readonly (number | string | null)[];
  readonly expected: Record<string, number & number[]>;
  readonly evidently: Record<string, number>;
}

// Made with scipy 1.17.1, numpy 2.4.6, evidently 0.7.23; definitions in fixtures/README.md.
const text = readFileSync(new URL('../fixtures/drift_reference.json', import.meta.url), 'utf8');
const pairs = (JSON.parse(text) as { pairs: Pair[] }).pairs;
const close = (actual: number, expected: number): void => {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-9);
};
const present = <T>(values: readonly (number | string | null)[]) => values.filter((v) => v !== null) as T[];

test('the fixture has its ten pairs', () => expect(pairs).toHaveLength(10));

test.each(pairs.filter((p) => p.kind === 'num'))('numeric pair $name equals scipy and numpy', (pair) => {
  const reference = present<number>(pair.reference);
  const current = present<number>(pair.current);
  const e = pair.expected;
  const edges = exact.sturgesEdges(reference, current);
  const wanted = e.sturges_edges as unknown as number[];
  expect(edges).toHaveLength(wanted.length);
  edges.forEach((edge, i) => {
    close(edge, wanted[i]!);
  });
  const p = distances.toShares(exact.countBetween(reference, edges));
  const q = distances.toShares(exact.countBetween(current, edges));
  checkShares(pair, p, q);
  const deciles = exact.quantileEdges(reference);
  deciles.forEach((edge, i) => {
    close(edge, (e.decile_inner_edges as unknown as number[])[i]!);
  });
  const dp = distances.toShares(exact.countAround(reference, deciles));
  close(distances.psi(dp, distances.toShares(exact.countAround(current, deciles))), e.psi_decile!);
  const { statistic, pValue } = exact.ks(reference, current);
  close(statistic, e.ks!);
  close(pValue, e.ks_pvalue_auto!);
  expect(Math.abs(pValue / e.ks_pvalue_auto! - 1)).toBeLessThan(1e-8);
  // SciPy takes the Pelz-Good series above size 140, whose error is of this order; ours is exact up to size 1000.
  const asymptotic = ksPValueAsymptotic(statistic, reference.length, current.length);
  expect(Math.abs(asymptotic - e.ks_pvalue_asymp!)).toBeLessThan(1e-6);
  close(exact.wasserstein(reference, current), e.wasserstein!);
  close(exact.standardDeviation(reference), e.std_reference!);
  close(exact.wassersteinNormalised(reference, current), pair.evidently.wasserstein!);
});

test.each(pairs.filter((p) => p.kind === 'cat'))('categorical pair $name equals scipy and Evidently', (pair) => {
  const counts = exact.countLevels(present<string>(pair.reference), present<string>(pair.current));
  expect(counts.levels).toEqual(pair.expected.levels);
  checkShares(pair, distances.toShares(counts.reference), distances.toShares(counts.current));
  close(distances.chiSquare(counts.reference, counts.current).pValue, pair.evidently.chisquare!);
});

function checkShares(pair: Pair, p: readonly number[], q: readonly number[]): void {
  const e = pair.expected;
  p.forEach((share, i) => {
    close(share, (e.p as unknown as number[])[i]!);
  });
  q.forEach((share, i) => {
    close(share, (e.q as unknown as number[])[i]!);
  });
  close(distances.psi(p, q), e.psi!);
  close(distances.jensenShannonDistance(p, q), e.js_distance_ln!);
  close(distances.jsDivergenceBase2(p, q), e.js_divergence_base2!);
  close(distances.hellinger(p, q), e.hellinger!);
  close(distances.totalVariation(p, q), e.tvd!);
  close(distances.linfinity(p, q), Math.max(...p.map((x, i) => Math.abs(x - q[i]!))));
}

test('empty and non-finite samples are refused', () => {
  expect(() => exact.ks([], [1])).toThrow(expect.objectContaining({ reason: 'EMPTY_SAMPLE' }));
  expect(() => exact.wasserstein([1], [Number.NaN])).toThrow(expect.objectContaining({ reason: 'BAD_SAMPLE' }));
});

test('the one-sample Kolmogorov distribution has the published value', () => {
  // Marsaglia, Tsang, Wang, J. Stat. Software 8 (18), 2003: K(10, 0.274) = 0.6284796154565. Sizes 20 and 20 pool to 10.
  close(1 - ksPValueAsymptotic(0.274, 20, 20), 0.6284796154565);
});
