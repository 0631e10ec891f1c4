// Histograms: 16 bytes a bin, the sum of gradients (i64) and the sum of Hessians times 2^shift plus the count (i64).

/** Rows ahead that are touched, so that they are in the cache when their turn comes; WebAssembly has no prefetch. */
const AHEAD: u32 = 16;

/** Adds the rows at index [from, to). `offsets` holds the byte offset of each feature's first bin. Gives what it touched. */
export function histogram(
  out: usize,
  index: usize,
  codes: usize,
  stride: u32,
  features: u32,
  offsets: usize,
  pairs: usize,
  shift: u32,
  from: u32,
  to: u32,
): u32 {
  let touched: u32 = 0;
  const lastAhead = to - 1;
  for (let k = from; k < to; k++) {
    const ahead = <usize>load<u32>(index + ((<usize>min(k + AHEAD, lastAhead)) << 2));
    touched ^= <u32>load<u8>(codes + ahead * stride) ^ load<u32>(pairs + (ahead << 3));
    const row = <usize>load<u32>(index + ((<usize>k) << 2));
    const pair = pairs + (row << 3);
    const g = <i64>load<i32>(pair);
    const h = ((<i64>load<i32>(pair, 4)) << shift) + 1;
    const both = i64x2.replace_lane(i64x2.splat(g), 1, h);
    const p = codes + row * stride;
    let f: u32 = 0;
    for (; f + 4 <= features; f += 4) {
      const word = load<u32>(p + f);
      const o = offsets + (f << 2);
      const a0 = out + load<u32>(o) + ((word & 255) << 4);
      const a1 = out + load<u32>(o, 4) + ((word >> 4) & 0xff0);
      const a2 = out + load<u32>(o, 8) + ((word >> 12) & 0xff0);
      const a3 = out + load<u32>(o, 12) + ((word >> 24) << 4);
      v128.store(a0, i64x2.add(v128.load(a0), both));
      v128.store(a1, i64x2.add(v128.load(a1), both));
      v128.store(a2, i64x2.add(v128.load(a2), both));
      v128.store(a3, i64x2.add(v128.load(a3), both));
    }
    for (; f < features; f++) {
      const a = out + load<u32>(offsets + (f << 2)) + ((<u32>load<u8>(p + f)) << 4);
      v128.store(a, i64x2.add(v128.load(a), both));
    }
  }
  return touched;
}

/** Sets `bins` bins to 0. */
export function clear(out: usize, bins: u32): void {
  memory.fill(out, 0, (<usize>bins) << 4);
}

/** Adds histogram b to histogram a. */
export function add(a: usize, b: usize, bins: u32): void {
  for (let i: usize = 0; i < (<usize>bins) << 4; i += 16)
    v128.store(a + i, i64x2.add(v128.load(a + i), v128.load(b + i)));
}

/** Takes histogram b away from histogram a. */
export function subtract(a: usize, b: usize, bins: u32): void {
  for (let i: usize = 0; i < (<usize>bins) << 4; i += 16)
    v128.store(a + i, i64x2.sub(v128.load(a + i), v128.load(b + i)));
}

/**
 * Orders index [from, to) stably: rows that go left stay in `index` from `from` on, the others go to `swap` from `from`
 * on. Gives the number of left rows. `column` holds the bins of the feature.
 */
export function partition(
  index: usize,
  swap: usize,
  column: usize,
  bin: u32,
  missing: u32,
  missingLeft: u32,
  from: u32,
  to: u32,
): u32 {
  let left = index + ((<usize>from) << 2);
  let right = swap + ((<usize>from) << 2);
  const start = left;
  for (let p = left, end = index + ((<usize>to) << 2); p < end; p += 4) {
    const row = load<u32>(p);
    const code = <u32>load<u8>(column + row);
    const goesLeft = select<u32>(missingLeft, <u32>(code <= bin), code === missing);
    // Both are written, one of the cursors moves on: no branch to mispredict.
    store<u32>(right, row);
    store<u32>(left, row);
    left += goesLeft << 2;
    right += (1 - goesLeft) << 2;
  }
  return <u32>((left - start) >> 2);
}

/** Copies bytes; the ranges may overlap. */
export function move(to: usize, from: usize, bytes: usize): void {
  memory.copy(to, from, bytes);
}
