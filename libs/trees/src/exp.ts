const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const LOG2_E = Math.LOG2E; // fixed by ECMAScript to 1.4426950408889634
const ROUND = 6755399441055744; // 1.5 · 2^52: adding and taking it away rounds to a whole number, ties to even
const LIMIT = 700;

/** Powers of two from 2^-1022 to 2^1023; made by exact doublings. */
const POWERS = (() => {
  const powers = new Float64Array(2046);
  powers[1022] = 1;
  for (let i = 1023; i < 2046; i++) powers[i] = powers[i - 1]! * 2;
  for (let i = 1021; i >= 0; i--) powers[i] = powers[i + 1]! / 2;
  return powers;
})();

/** 2^k exactly, for a whole k in -1022..1023. */
export function powerOfTwo(k: number): number {
  return POWERS[k + 1022]!;
}

/** Rounds to the nearest whole number, ties to even; |x| < 2^51. */
export function roundEven(x: number): number {
  return x + ROUND - ROUND;
}

/**
 * e^x from additions, multiplications and one division in a fixed order, so that every machine and the WebAssembly
 * kernels give the same bits (`Math.exp` is left to the engine by ECMAScript). The method and the constants are those
 * of fdlibm's e_exp.c; the error is below one ulp. x is cut to ±700, which keeps the result finite and normal.
 */
export function exp(x: number): number {
  const a = Math.max(-LIMIT, Math.min(LIMIT, x));
  const k = roundEven(a * LOG2_E);
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
            t * (6.613756321437934e-5 + t * (-1.6533902205465252e-6 + t * 4.1381367970572385e-8))));
  const y = 1 - (low - (r * c) / (2 - c) - high);
  return y * powerOfTwo(k);
}

/** The logistic function 1 / (1 + e^-x). */
export function sigmoid(x: number): number {
  return 1 / (1 + exp(-x));
}

/**
 * log(1 + u) for u in [0, 1], by the series 2 (s + s³/3 + … + s³³/33) of atanh with s = u / (2 + u) <= 1/3, whose rest is
 * below 1e-17 of the result; the same on every machine.
 */
export function log1p(u: number): number {
  const s = u / (2 + u);
  const t = s * s;
  let sum = 1 / 33;
  for (let k = 31; k >= 1; k -= 2) sum = 1 / k + t * sum;
  return 2 * s * sum;
}
