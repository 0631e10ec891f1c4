// Histograms: 16 bytes a bin, the sum of gradients (i64) and the sum of Hessians times 2^shift plus the count (i64).

/** Rows that are gathered before they are added; the scratch area holds as many. */
const BLOCK: u32 = 1024;

/** Rows whose cache lines are touched before they are copied: what the processor can keep waiting for. */
const TOUCH: u32 = 32;

/** Rows are touched first when fewer than one in so many is in the block: nearer ones the processor fetches by itself. */
const SPARSE: u32 = 3;

/** Bytes of the scratch area that hold (gradient, Hessian and count) of the rows of a block; their bins follow. */
const SUMMANDS: usize = 1024 << 4;

/**
 * Adds the rows at index [from, to). `offsets` holds the byte offset of each feature's first bin.
 *
 * The rows of a leaf lie far apart, and WebAssembly has no prefetch: tight loops first touch and then copy a block of
 * rows to `scratch`, so that the processor waits for many cache lines at a time; then four features at a time are added,
 * whose histograms (16 KiB) stay in the first-level cache. Gives what it touched, so that the loads are not left out.
 */
export function histogram(
  out: usize,
  index: usize,
  codes: usize,
  stride: u32,
  features: u32,
  offsets: usize,
  pairs: usize,
  shift: u32,
  scratch: usize,
  from: u32,
  to: u32,
): u32 {
  let touched: u32 = 0;
  for (let begin = from; begin < to; begin += BLOCK) {
    const rows = min(BLOCK, to - begin);
    const first = index + ((<usize>begin) << 2);
    // The index rises, so its ends tell how far apart the rows are.
    const sparse = load<u32>(first + ((rows - 1) << 2)) - load<u32>(first) > rows * SPARSE;
    for (let i: u32 = 0; i < rows; i += TOUCH) {
      const end = min(i + TOUCH, rows);
      if (sparse) touched ^= touch(first, i, end, codes, stride, pairs);
      gather(scratch, first, i, end, codes, stride, features, pairs, shift);
    }
    let words = scratch + SUMMANDS;
    let f: u32 = 0;
    for (; f + 4 <= features; f += 4) {
      addFour(out, offsets + (f << 2), scratch, words, rows);
      words += BLOCK << 2;
    }
    for (let byte: u32 = 0; f < features; f++, byte++)
      addOne(out + load<u32>(offsets + (f << 2)), scratch, words + byte, rows);
  }
  return touched;
}

function touch(index: usize, from: u32, to: u32, codes: usize, stride: u32, pairs: usize): u32 {
  let touched: u32 = 0;
  for (let i = from; i < to; i++) {
    const row = <usize>load<u32>(index + (i << 2));
    touched ^= load<u32>(pairs + (row << 3));
    for (let at: u32 = 0; at < stride; at += 64) touched ^= load<u32>(codes + row * stride + at);
  }
  return touched;
}

/** Copies what a block of rows adds, and their bins, four features side by side. */
function gather(
  scratch: usize,
  index: usize,
  first: u32,
  end: u32,
  codes: usize,
  stride: u32,
  features: u32,
  pairs: usize,
  shift: u32,
): void {
  for (let i = first; i < end; i++) {
    const row = <usize>load<u32>(index + (i << 2));
    const pair = pairs + (row << 3);
    const g = <i64>load<i32>(pair);
    const h = ((<i64>load<i32>(pair, 4)) << shift) + 1;
    v128.store(scratch + (i << 4), i64x2.replace_lane(i64x2.splat(g), 1, h));
    const from = codes + row * stride;
    let to = scratch + SUMMANDS + (i << 2);
    for (let f: u32 = 0; f < features; f += 4) {
      store<u32>(to, load<u32>(from + f));
      to += BLOCK << 2;
    }
  }
}

function addFour(out: usize, offsets: usize, summands: usize, words: usize, rows: u32): void {
  const h0 = out + load<u32>(offsets);
  const h1 = out + load<u32>(offsets, 4);
  const h2 = out + load<u32>(offsets, 8);
  const h3 = out + load<u32>(offsets, 12);
  for (let i: u32 = 0; i < rows; i++) {
    const both = v128.load(summands + (i << 4));
    const word = load<u32>(words + (i << 2));
    const a0 = h0 + ((word & 255) << 4);
    const a1 = h1 + ((word >> 4) & 0xff0);
    const a2 = h2 + ((word >> 12) & 0xff0);
    const a3 = h3 + ((word >> 24) << 4);
    v128.store(a0, i64x2.add(v128.load(a0), both));
    v128.store(a1, i64x2.add(v128.load(a1), both));
    v128.store(a2, i64x2.add(v128.load(a2), both));
    v128.store(a3, i64x2.add(v128.load(a3), both));
  }
}

function addOne(bins: usize, summands: usize, bytes: usize, rows: u32): void {
  for (let i: u32 = 0; i < rows; i++) {
    const a = bins + ((<u32>load<u8>(bytes + (i << 2))) << 4);
    v128.store(a, i64x2.add(v128.load(a), v128.load(summands + (i << 4))));
  }
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
