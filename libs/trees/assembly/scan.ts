// The best split of one feature of a histogram. The same operations in the same order as src/kernels/scan.ts.

/**
 * Limits at `params` (f64 each): 0 total gradient, 8 total Hessian (both whole numbers), 16 total count, 24 gradient unit,
 * 32 Hessian unit, 40 l1, 48 l2, 56 least rows, 64 least Hessian, 72 the gain of the leaf itself, 80 the gain to beat.
 * The best split goes to `out` (f64 each): 0 gain (-1 for none), 8 bin, 16 missing left, 24 gradient, 32 Hessian, 40 count.
 */
export function scan(bins: usize, regular: u32, hasMissing: u32, shift: u32, params: usize, out: usize): void {
  store<f64>(out, -1);
  const total = load<f64>(params, 16);
  const end = bins + (regular << 4);
  const mask: i64 = ((<i64>1) << shift) - 1;
  let missing: f64 = 0;
  if (hasMissing) missing = <f64>(load<i64>(end, 8) & mask);
  let beat = direction(bins, regular, shift, params, out, 0, 0, 0, load<f64>(params, 80), 0);
  if (missing > 0) {
    const packed = load<i64>(end, 8);
    beat = direction(bins, regular, shift, params, out, <f64>load<i64>(end), <f64>(packed >> shift), missing, beat, 1);
  } else if (load<f64>(out) >= 0) {
    store<f64>(out, 2 * load<f64>(out, 40) >= total ? 1 : 0, 16);
  }
}

/** One pass with rows of missing values on the left (they are the start) or on the right. Gives the gain to beat next. */
function direction(
  bins: usize,
  regular: u32,
  shift: u32,
  params: usize,
  out: usize,
  gStart: f64,
  hStart: f64,
  nStart: f64,
  beatStart: f64,
  missingLeft: f64,
): f64 {
  const totals = v128.load(params);
  const totalG = f64x2.extract_lane(totals, 0);
  const totalH = f64x2.extract_lane(totals, 1);
  const totalN = load<f64>(params, 16);
  const gUnit = f64x2.splat(load<f64>(params, 24));
  const hUnit = f64x2.splat(load<f64>(params, 32));
  const l1 = f64x2.splat(load<f64>(params, 40));
  const l2 = f64x2.splat(load<f64>(params, 48));
  const zero = f64x2.splat(0);
  const leastRows = load<f64>(params, 56);
  const leastH = f64x2.splat(load<f64>(params, 64));
  const self = load<f64>(params, 72);
  const mask: i64 = ((<i64>1) << shift) - 1;
  let gain = beatStart;
  let gradient = gStart;
  let hessian = hStart;
  let count = nStart;
  for (let bin: u32 = 0; bin < regular; bin++) {
    const at = bins + (bin << 4);
    const packed = load<i64>(at, 8);
    gradient += <f64>load<i64>(at);
    hessian += <f64>(packed >> shift);
    count += <f64>(packed & mask);
    if (count < leastRows) continue;
    if (totalN - count < leastRows) break;
    const h = f64x2.mul(f64x2.replace_lane(f64x2.splat(hessian), 1, totalH - hessian), hUnit);
    const divisor = f64x2.add(h, l2);
    if (!i64x2.all_true(v128.and(f64x2.ge(h, leastH), f64x2.gt(divisor, zero)))) continue;
    const g = f64x2.mul(f64x2.replace_lane(f64x2.splat(gradient), 1, totalG - gradient), gUnit);
    const soft = f64x2.max(f64x2.sub(f64x2.abs(g), l1), zero);
    const terms = f64x2.div(f64x2.mul(soft, soft), divisor);
    const both = f64x2.extract_lane(terms, 0) + f64x2.extract_lane(terms, 1);
    if (!(both > gain)) continue;
    gain = both;
    store<f64>(out, both - self);
    store<f64>(out, <f64>bin, 8);
    store<f64>(out, missingLeft, 16);
    store<f64>(out, gradient, 24);
    store<f64>(out, hessian, 32);
    store<f64>(out, count, 40);
  }
  return gain;
}
