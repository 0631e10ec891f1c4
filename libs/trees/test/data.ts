import { createRng } from '@millrace/kernel';

/** A labelled data set made from a seed. */
export interface Sample {
  readonly columns: Float32Array[];
  readonly rows: number;
  readonly binary: Float32Array;
  readonly real: Float32Array;
}

/**
 * Eight features (two informative smooth ones, one with a step, one of ten levels, one mostly zero, three of noise), a
 * share of them missing, and labels of both kinds that depend on them.
 */
export function makeSample(seed: number | string, rows: number, missing = 0.05): Sample {
  const rng = createRng(seed);
  const columns = Array.from({ length: 8 }, () => new Float32Array(rows));
  const binary = new Float32Array(rows);
  const real = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    const a = rng.next() * 4 - 2;
    const b = rng.next() * 4 - 2;
    const c = rng.next() * 10;
    const d = rng.nextInt(10);
    const e = rng.next() < 0.8 ? 0 : rng.next();
    const z = a * 1.2 - b * b * 0.5 + (c > 7 ? 1 : 0) + (d % 3) * 0.4 + e + a * b * 0.3 - 0.5;
    for (const [f, x] of [a, b, c, d, e, rng.next(), rng.next() - 0.5, rng.nextInt(3)].entries())
      columns[f]![i] = rng.next() < missing ? Number.NaN : x;
    binary[i] = rng.next() < 1 / (1 + Math.exp(-z)) ? 1 : 0;
    real[i] = 10 * z + (rng.next() + rng.next() + rng.next() - 1.5) * 8;
  }
  return { columns, rows, binary, real };
}

/** Area under the ROC curve by ranks, ties counted half. */
export function areaUnderCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = Array.from(scores, (_, i) => i).sort((i, j) => scores[i]! - scores[j]!);
  let [rankSum, ones] = [0, 0];
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j < order.length && scores[order[j]!] === scores[order[i]!]) j++;
    for (let k = i; k < j; k++) {
      if (labels[order[k]!] !== 1) continue;
      rankSum += (i + j + 1) / 2;
      ones++;
    }
    i = j;
  }
  return (rankSum - (ones * (ones + 1)) / 2) / (ones * (order.length - ones));
}

/** The rows of a range as an index. */
export function range(from: number, to: number): Uint32Array {
  return Uint32Array.from({ length: to - from }, (_, i) => from + i);
}
