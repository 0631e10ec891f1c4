import { AppError } from '@millrace/kernel';
import type { Quantisation } from './kernels/kernels.ts';

/** Training rows at most: with more, too few bits would be left for a row's second derivative. */
export const MAX_ROWS = 2 ** 26 - 1;

/**
 * Chooses the powers of two that turn derivatives into whole numbers. With b bits for the number of rows, a gradient has
 * min(30, 52 - b) bits, so that sums stay exact in a double; a Hessian has min(30, 62 - 2 b), so that its sum and a
 * count share 63 bits (at 1 M rows 30 and 22 bits; at 67 M rows 26 and 10).
 */
export function chooseQuantisation(
  rows: number,
  max: { readonly gradient: number; readonly hessian: number },
): Quantisation {
  if (!Number.isFinite(max.gradient) || !Number.isFinite(max.hessian))
    throw new AppError(
      'OUT_OF_RANGE',
      'A gradient is not finite: the labels or weights are too large for float32. Scale the labels, or the weights, down.',
      { reason: 'GRADIENT_NOT_FINITE', fields: { gradient: String(max.gradient), hessian: String(max.hessian) } },
    );
  const bits = countBits(rows);
  return {
    gradientExponent: Math.min(30, 52 - bits) - exponentAbove(max.gradient),
    hessianExponent: Math.min(30, 62 - 2 * bits) - exponentAbove(max.hessian),
  };
}

/** Bits that hold every number up to `rows`. */
export function countBits(rows: number): number {
  return 32 - Math.clz32(rows);
}

/** The least e with x < 2^e, for a float32 x > 0; 0 for 0. */
function exponentAbove(x: number): number {
  if (x === 0) return 0;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  return ((view.getUint32(0) >>> 20) & 0x7ff) - 1022;
}
