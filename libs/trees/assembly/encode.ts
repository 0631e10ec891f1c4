// From float32 values to bins. All addresses are byte addresses in the shared memory; all ranges are half open.

/** Bounds in the table; unused ones are +Infinity. */
const TABLE: u32 = 256;

/** The number of bounds below x, found without branches. */
function below(bounds: usize, x: f32): u32 {
  let at: u32 = 0;
  for (let step: u32 = TABLE >> 1; step > 0; step >>= 1) {
    at += select<u32>(step, 0, load<f32>(bounds + ((at + step - 1) << 2)) < x);
  }
  return at;
}

/** Bins of values [from, to); NaN gets `missing`. */
export function encode(values: usize, bounds: usize, missing: u32, out: usize, from: u32, to: u32): void {
  let i = from;
  // Four searches at a time, so that their loads overlap.
  for (; i + 4 <= to; i += 4) {
    const p = values + ((<usize>i) << 2);
    const x0 = load<f32>(p);
    const x1 = load<f32>(p, 4);
    const x2 = load<f32>(p, 8);
    const x3 = load<f32>(p, 12);
    let a0: u32 = 0;
    let a1: u32 = 0;
    let a2: u32 = 0;
    let a3: u32 = 0;
    for (let step: u32 = TABLE >> 1; step > 0; step >>= 1) {
      const b = bounds + ((step - 1) << 2);
      a0 += select<u32>(step, 0, load<f32>(b + (a0 << 2)) < x0);
      a1 += select<u32>(step, 0, load<f32>(b + (a1 << 2)) < x1);
      a2 += select<u32>(step, 0, load<f32>(b + (a2 << 2)) < x2);
      a3 += select<u32>(step, 0, load<f32>(b + (a3 << 2)) < x3);
    }
    store<u8>(out + i, <u8>select<u32>(a0, missing, x0 <= <f32>Infinity));
    store<u8>(out + i, <u8>select<u32>(a1, missing, x1 <= <f32>Infinity), 1);
    store<u8>(out + i, <u8>select<u32>(a2, missing, x2 <= <f32>Infinity), 2);
    store<u8>(out + i, <u8>select<u32>(a3, missing, x3 <= <f32>Infinity), 3);
  }
  for (; i < to; i++) {
    const x = load<f32>(values + ((<usize>i) << 2));
    store<u8>(out + i, <u8>select<u32>(below(bounds, x), missing, x <= <f32>Infinity));
  }
}

/** Rows [from, to) of the columns, side by side: out[row * stride + feature]. */
export function transpose(
  columns: usize,
  pitch: u32,
  features: u32,
  out: usize,
  stride: u32,
  from: u32,
  to: u32,
): void {
  for (let begin = from; begin < to; begin += 64) {
    const end = min(begin + 64, to);
    let f: u32 = 0;
    for (; f + 4 <= features; f += 4) {
      const c0 = columns + <usize>f * pitch;
      const c1 = c0 + pitch;
      const c2 = c1 + pitch;
      const c3 = c2 + pitch;
      for (let row = begin; row < end; row++) {
        const word =
          <u32>load<u8>(c0 + row) |
          ((<u32>load<u8>(c1 + row)) << 8) |
          ((<u32>load<u8>(c2 + row)) << 16) |
          ((<u32>load<u8>(c3 + row)) << 24);
        store<u32>(out + <usize>row * stride + f, word);
      }
    }
    for (; f < features; f++) {
      const c = columns + <usize>f * pitch;
      for (let row = begin; row < end; row++) store<u8>(out + <usize>row * stride + f, load<u8>(c + row));
    }
  }
}
