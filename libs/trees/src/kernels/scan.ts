import type { FeatureBins } from '../bins.ts';
import { powerOfTwo } from '../exp.ts';
import type { Quantisation, Split, SplitLimits, Sums } from './kernels.ts';

/**
 * Gains below this share of the leaf's own term are rounding, not improvement: they are not taken, so that a leaf of
 * equal gradients is not split.
 */
export const GAIN_NOISE = 1e-12;

/** G² / (H + λ₂) with the L1 penalty's soft threshold (Chen and Guestrin, 2016; LightGBM's GetLeafGain). */
export function leafGain(gradient: number, hessian: number, l1: number, l2: number): number {
  const g = Math.abs(gradient) - l1;
  return g > 0 ? (g * g) / (hessian + l2) : 0;
}

/** The raw score that minimises the objective's second-order form in a leaf, before the learning rate; 0 without curvature. */
export function leafValue(gradient: number, hessian: number, l1: number, l2: number): number {
  const g = Math.abs(gradient) - l1;
  if (!(g > 0 && hessian + l2 > 0)) return 0;
  const value = g / (hessian + l2);
  return gradient > 0 ? -value : value;
}

/**
 * The best split of one feature: `bins` holds (gradient, Hessian, count) of each bin. Without missing rows in the leaf,
 * missing values follow the side with more rows (the left one when equal).
 */
export function scanFeature(
  position: number,
  feature: FeatureBins,
  bins: Float64Array,
  total: Sums,
  limits: SplitLimits,
  scale: Quantisation,
): Split | undefined {
  const missingAt = 3 * feature.regular;
  const missing = feature.hasMissing && bins[missingAt + 2]! > 0;
  const toBeat = gainToBeat(total, limits, scale);
  const right = scanDirection(position, feature.regular, bins, ZERO, total, limits, scale, toBeat.total);
  if (!missing) {
    if (right === undefined) return undefined;
    return finished(right, 2 * right.left.count >= total.count, toBeat.own);
  }
  const start = { gradient: bins[missingAt]!, hessian: bins[missingAt + 1]!, count: bins[missingAt + 2]! };
  const beat = right?.total ?? toBeat.total;
  const left = scanDirection(position, feature.regular, bins, start, total, limits, scale, beat);
  if (left !== undefined) return finished(left, true, toBeat.own);
  return right === undefined ? undefined : finished(right, false, toBeat.own);
}

/** A leaf's own term, and what the terms of its children must exceed in sum. */
export function gainToBeat(total: Sums, limits: SplitLimits, scale: Quantisation): { own: number; total: number } {
  const gradient = total.gradient * powerOfTwo(-scale.gradientExponent);
  const hessian = total.hessian * powerOfTwo(-scale.hessianExponent);
  const own = hessian + limits.lambdaL2 > 0 ? leafGain(gradient, hessian, limits.lambdaL1, limits.lambdaL2) : 0;
  return { own, total: own + Math.max(limits.minGain, GAIN_NOISE * own) };
}

/** Whether `split` comes before `best`: by gain; a later position needs strictly more. */
export function isBetterSplit(split: Split, best: Split | undefined): boolean {
  return best === undefined || split.gain > best.gain;
}

const ZERO: Sums = { gradient: 0, hessian: 0, count: 0 };

interface Candidate {
  readonly position: number;
  readonly bin: number;
  readonly left: Sums;
  /** The children's terms in sum. */
  readonly total: number;
}

function finished({ position, bin, left, total }: Candidate, missingLeft: boolean, own: number): Split {
  return { position, bin, left, missingLeft, gain: total - own };
}

function scanDirection(
  position: number,
  regular: number,
  bins: Float64Array,
  start: Sums,
  total: Sums,
  limits: SplitLimits,
  scale: Quantisation,
  toBeat: number,
): Candidate | undefined {
  const { lambdaL1: l1, lambdaL2: l2 } = limits;
  const gUnit = powerOfTwo(-scale.gradientExponent);
  const hUnit = powerOfTwo(-scale.hessianExponent);
  let { gradient, hessian, count } = start;
  let best: Candidate | undefined;
  for (let bin = 0; bin < regular; bin++) {
    gradient += bins[3 * bin]!;
    hessian += bins[3 * bin + 1]!;
    count += bins[3 * bin + 2]!;
    if (count < limits.minDataInLeaf) continue;
    if (total.count - count < limits.minDataInLeaf) break;
    const hLeft = hessian * hUnit;
    const hRight = (total.hessian - hessian) * hUnit;
    if (hLeft < limits.minSumHessian || hRight < limits.minSumHessian) continue;
    if (!(hLeft + l2 > 0 && hRight + l2 > 0)) continue;
    const terms =
      leafGain(gradient * gUnit, hLeft, l1, l2) + leafGain((total.gradient - gradient) * gUnit, hRight, l1, l2);
    if (terms > (best?.total ?? toBeat)) best = { position, bin, left: { gradient, hessian, count }, total: terms };
  }
  return best;
}
