import type { Labels } from './matrix.ts';
import { checkLengths } from './metrics.ts';

/** One bin of predicted probabilities. */
export interface CalibrationBin {
  /** Bounds of the bin; a probability on a bound belongs to the bin below it (0 to the first). */
  readonly low: number;
  readonly high: number;
  readonly rows: number;
  readonly meanProbability: number;
  /** Share of label 1. */
  readonly observed: number;
}

/** How well probabilities match frequencies. */
export interface Calibration {
  /** The bins that hold rows. */
  readonly bins: readonly CalibrationBin[];
  /** Expected calibration error: mean |observed - predicted| of the bins, weighted by rows (Naeini et al., 2015). */
  readonly expectedError: number;
  /** Largest |observed - predicted| of a bin. */
  readonly maxError: number;
}

/** Compares probabilities with frequencies in `bins` bins (10 when left out) of equal width. */
export function calibration(labels: Labels, probabilities: Float64Array, bins = 10): Calibration {
  checkLengths(labels, probabilities);
  const rows = new Float64Array(bins);
  const predicted = new Float64Array(bins);
  const positive = new Float64Array(bins);
  const edges = Float64Array.from({ length: bins + 1 }, (_, k) => k / bins);
  for (let i = 0; i < labels.length; i++) {
    const p = probabilities[i]!;
    let bin = Math.min(bins - 1, Math.max(0, Math.ceil(p * bins) - 1));
    if (bin > 0 && p <= edges[bin]!) bin--;
    rows[bin]! += 1;
    predicted[bin]! += p;
    positive[bin]! += labels[i]!;
  }
  const table = Array.from({ length: bins }, (_, k) => ({
    low: edges[k]!,
    high: edges[k + 1]!,
    rows: rows[k]!,
    meanProbability: predicted[k]! / rows[k]!,
    observed: positive[k]! / rows[k]!,
  })).filter((bin) => bin.rows > 0);
  const gaps = table.map((bin) => Math.abs(bin.observed - bin.meanProbability));
  return {
    bins: table,
    expectedError: gaps.reduce((sum, gap, k) => sum + (gap * table[k]!.rows) / labels.length, 0),
    maxError: Math.max(...gaps),
  };
}
