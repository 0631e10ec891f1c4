// Derivatives, losses and scores. The same operations in the same order as src/exp.ts and src/objective.ts.

const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
const LOG2_E: f64 = Math.LOG2E;

/** e^x for |x| <= 700, larger ones cut; see src/exp.ts. */
function exponential(x: f64): f64 {
  const a = max<f64>(-700, min<f64>(700, x));
  const k = nearest(a * LOG2_E);
  const high = a - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const t = r * r;
  const c =
    r -
    t *
      (0.16666666666666602 +
        t *
          (-0.0027777777777015593 +
            t * (0.00006613756321437934 + t * (-0.0000016533902205465252 + t * 4.1381367970572385e-8))));
  const y = 1 - (low - (r * c) / (2 - c) - high);
  return y * reinterpret<f64>((<i64>k + 1023) << 52);
}

/** The same for two numbers. */
function exponentials(x: v128): v128 {
  const a = f64x2.max(f64x2.splat(-700), f64x2.min(f64x2.splat(700), x));
  const k = f64x2.nearest(f64x2.mul(a, f64x2.splat(LOG2_E)));
  const high = f64x2.sub(a, f64x2.mul(k, f64x2.splat(LN2_HIGH)));
  const low = f64x2.mul(k, f64x2.splat(LN2_LOW));
  const r = f64x2.sub(high, low);
  const t = f64x2.mul(r, r);
  let c = f64x2.splat(4.1381367970572385e-8);
  c = f64x2.add(f64x2.splat(-0.0000016533902205465252), f64x2.mul(t, c));
  c = f64x2.add(f64x2.splat(0.00006613756321437934), f64x2.mul(t, c));
  c = f64x2.add(f64x2.splat(-0.0027777777777015593), f64x2.mul(t, c));
  c = f64x2.add(f64x2.splat(0.16666666666666602), f64x2.mul(t, c));
  c = f64x2.sub(r, f64x2.mul(t, c));
  const tail = f64x2.div(f64x2.mul(r, c), f64x2.sub(f64x2.splat(2), c));
  const y = f64x2.sub(f64x2.splat(1), f64x2.sub(f64x2.sub(low, tail), high));
  const exponent = i64x2.add(i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(k)), i64x2.splat(1023));
  return f64x2.mul(y, i64x2.shl(exponent, 52));
}

/** log(1 + u) for u in [0, 1]; see src/exp.ts. */
function log1p(u: f64): f64 {
  const s = u / (2 + u);
  const t = s * s;
  let sum: f64 = 1.0 / 33;
  sum = 1.0 / 31 + t * sum;
  sum = 1.0 / 29 + t * sum;
  sum = 1.0 / 27 + t * sum;
  sum = 1.0 / 25 + t * sum;
  sum = 1.0 / 23 + t * sum;
  sum = 1.0 / 21 + t * sum;
  sum = 1.0 / 19 + t * sum;
  sum = 1.0 / 17 + t * sum;
  sum = 1.0 / 15 + t * sum;
  sum = 1.0 / 13 + t * sum;
  sum = 1.0 / 11 + t * sum;
  sum = 1.0 / 9 + t * sum;
  sum = 1.0 / 7 + t * sum;
  sum = 1.0 / 5 + t * sum;
  sum = 1.0 / 3 + t * sum;
  sum = 1 + t * sum;
  return 2 * s * sum;
}

/** First and second derivatives of rows [from, to); the largest absolute values go to `maxima` and the float32 after. */
export function gradients(
  objective: u32,
  scores: usize,
  labels: usize,
  weights: usize,
  out: usize,
  maxima: usize,
  from: u32,
  to: u32,
): void {
  let maxG: f32 = 0;
  let maxH: f32 = 0;
  let i = <usize>from;
  if (objective === 0) {
    const one = f64x2.splat(1);
    let maxGs = f32x4.splat(0);
    let maxHs = f32x4.splat(0);
    for (; i + 2 <= <usize>to; i += 2) {
      const y = f64x2.promote_low_f32x4(v128.load64_zero(labels + (i << 2)));
      const p = f64x2.div(one, f64x2.add(one, exponentials(f64x2.neg(v128.load(scores + (i << 3))))));
      let g = f64x2.sub(p, y);
      let h = f64x2.mul(p, f64x2.sub(one, p));
      if (weights !== 0) {
        const w = f64x2.promote_low_f32x4(v128.load64_zero(weights + (i << 2)));
        g = f64x2.mul(g, w);
        h = f64x2.mul(h, w);
      }
      const gs = f32x4.demote_f64x2_zero(g);
      const hs = f32x4.demote_f64x2_zero(h);
      v128.store(out + (i << 3), v128.shuffle<f32>(gs, hs, 0, 4, 1, 5));
      maxGs = f32x4.max(maxGs, f32x4.abs(gs));
      maxHs = f32x4.max(maxHs, hs);
    }
    maxG = max<f32>(f32x4.extract_lane(maxGs, 0), f32x4.extract_lane(maxGs, 1));
    maxH = max<f32>(f32x4.extract_lane(maxHs, 0), f32x4.extract_lane(maxHs, 1));
  }
  for (; i < <usize>to; i++) {
    const w: f64 = weights === 0 ? 1 : <f64>load<f32>(weights + (i << 2));
    const y = <f64>load<f32>(labels + (i << 2));
    const score = load<f64>(scores + (i << 3));
    let g: f32;
    let h: f32;
    if (objective === 0) {
      const p = 1 / (1 + exponential(-score));
      g = <f32>((p - y) * w);
      h = <f32>(p * (1 - p) * w);
    } else {
      g = <f32>((score - y) * w);
      h = <f32>w;
    }
    store<f32>(out + (i << 3), g);
    store<f32>(out + (i << 3), h, 4);
    // NaN wins, so that the caller sees it.
    maxG = max<f32>(maxG, abs<f32>(g));
    maxH = max<f32>(maxH, h);
  }
  store<f32>(maxima, maxG);
  store<f32>(maxima, maxH, 4);
}

/** Turns float32 pairs of rows [from, to) into int32 pairs: value times a power of two, rounded half to even. */
export function quantise(pairs: usize, gScale: f64, hScale: f64, from: u32, to: u32): void {
  const scale = f64x2.replace_lane(f64x2.splat(gScale), 1, hScale);
  for (let i = <usize>from; i < <usize>to; i++) {
    const p = pairs + (i << 3);
    const exact = f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(p)), scale);
    v128.store64_lane(p, i32x4.trunc_sat_f64x2_s_zero(f64x2.nearest(exact)), 0);
  }
}

/** The sum of losses of rows [from, to) in their order. */
export function loss(objective: u32, scores: usize, labels: usize, weights: usize, from: u32, to: u32): f64 {
  let sum: f64 = 0;
  for (let i = <usize>from; i < <usize>to; i++) {
    const y = load<f32>(labels + (i << 2));
    const score = load<f64>(scores + (i << 3));
    let value: f64;
    if (objective === 0) {
      const z = y === 1 ? -score : score;
      value = max<f64>(z, 0) + log1p(exponential(-abs<f64>(z)));
    } else {
      const d = score - <f64>y;
      value = d * d;
    }
    sum += weights === 0 ? value : value * <f64>load<f32>(weights + (i << 2));
  }
  return sum;
}

/** Adds leaf values to the scores of the rows at index [from, to). `leaves`: (begin u32, end u32, value f64) tiling the index. */
export function addLeaves(scores: usize, index: usize, leaves: usize, count: u32, from: u32, to: u32): void {
  for (let leaf: u32 = 0; leaf < count; leaf++) {
    const entry = leaves + (leaf << 4);
    const begin = max(load<u32>(entry), from);
    const end = min(load<u32>(entry, 4), to);
    const value = load<f64>(entry, 8);
    for (let k = begin; k < end; k++) {
      const p = scores + ((<usize>load<u32>(index + ((<usize>k) << 2))) << 3);
      store<f64>(p, load<f64>(p) + value);
    }
  }
}

/**
 * Adds a tree's values to the scores of rows [from, to) whose byte at `bag` (if any) is 0. A node has 32 bytes: position,
 * bin, missing bin, missing left, left, right (i32 each; position -1 in a leaf), value (f64).
 */
export function addTree(scores: usize, codes: usize, stride: u32, nodes: usize, bag: usize, from: u32, to: u32): void {
  for (let row = <usize>from; row < <usize>to; row++) {
    if (bag !== 0 && load<u8>(bag + row) !== 0) continue;
    const p = codes + row * stride;
    let node = nodes;
    for (let f = load<i32>(node); f >= 0; f = load<i32>(node)) {
      const code = <i32>load<u8>(p + f);
      const left = select<i32>(load<i32>(node, 12), <i32>(code <= load<i32>(node, 4)), code === load<i32>(node, 8));
      node = nodes + ((<usize>select<i32>(load<i32>(node, 16), load<i32>(node, 20), left)) << 5);
    }
    store<f64>(scores + (row << 3), load<f64>(scores + (row << 3)) + load<f64>(node, 24));
  }
}
