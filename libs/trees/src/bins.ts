import type { Rng } from '@millrace/kernel';

/** How the values of one feature become bins. */
export interface FeatureBins {
  /** The feature's position in the caller's columns. */
  readonly feature: number;
  /**
   * Rising float32 bounds: bin b holds the values with bounds[b - 1] < x <= bounds[b]; the last bin holds the rest.
   * NaN has the bin after the last.
   */
  readonly bounds: Float32Array;
  /** Bins of values that are not missing: bounds.length + 1. */
  readonly regular: number;
  /** Whether a training row has NaN here; only then has the histogram a bin for it. */
  readonly hasMissing: boolean;
  /** Bins in the histogram: `regular`, and one more when `hasMissing`. */
  readonly bins: number;
}

/** Buffers that the placing of one feature after the other uses again. */
export interface BinScratch {
  readonly values: Float32Array;
  readonly swap: Uint32Array;
}

/** Makes buffers for samples of this size. */
export function createBinScratch(size: number): BinScratch {
  return { values: new Float32Array(size), swap: new Uint32Array(size) };
}

/** Bounds of the bins' construction. */
export interface BinParams {
  readonly maxBins: number;
  readonly minDataInBin: number;
  readonly binSampleRows: number;
}

/**
 * The rows, in rising order, from which bins are placed: all of them, or `binSampleRows` of them drawn by the seed.
 */
export function sampleRows(rows: number, rowIndex: Uint32Array | undefined, size: number, rng: Rng): Uint32Array {
  const take = Math.min(size, rows);
  const sample = new Uint32Array(take);
  let taken = 0;
  for (let i = 0; taken < take; i++) {
    if (take < rows && rng.next() * (rows - i) >= take - taken) continue;
    sample[taken++] = rowIndex === undefined ? i : rowIndex[i]!;
  }
  return sample;
}

/**
 * Places the bins of one feature by the quantiles of the sampled rows, as LightGBM does (src/io/bin.cpp,
 * GreedyFindBin): a value as frequent as a mean bin has a bin of its own, the others fill bins of equal counts. Every
 * bound is a float32 from which it follows that `x <= bound` in float32 divides rows as the bins do.
 *
 * Gives `undefined` for a feature that cannot be split on: constant, or missing in every row.
 */
export function placeBins(
  feature: number,
  column: Float32Array,
  sample: Uint32Array,
  hasMissing: boolean,
  params: BinParams,
  scratch: BinScratch = createBinScratch(sample.length),
): FeatureBins | undefined {
  const { values } = scratch;
  let n = 0;
  for (let i = 0; i < sample.length; i++) {
    const x = column[sample[i]!]!;
    if (!Number.isNaN(x)) values[n++] = x;
  }
  const sorted = sortFloats(values.subarray(0, n), scratch.swap.subarray(0, n));
  const { distinct, counts } = distinctValues(sorted, scratch);
  const most = Math.max(1, params.maxBins - (hasMissing ? 1 : 0));
  const cuts =
    distinct.length <= most
      ? cutsOfFew(counts, params.minDataInBin)
      : cutsOfMany(counts, n, Math.max(1, Math.min(most, Math.floor(n / params.minDataInBin))));
  const bounds = Float32Array.from(cuts, (i) => boundBetween(distinct[i]!, distinct[i + 1]!));
  const regular = bounds.length + 1;
  if (n === 0 || (regular === 1 && !hasMissing)) return undefined;
  return { feature, bounds, regular, hasMissing, bins: regular + (hasMissing ? 1 : 0) };
}

/** A float32 t with a <= t < b, the middle where float32 has it. a < b. */
export function boundBetween(a: number, b: number): number {
  const middle = Math.fround(a / 2 + b / 2);
  return middle >= a && middle < b ? middle : a;
}

/** The bin of one value. */
export function binOf(x: number, { bounds, regular }: Pick<FeatureBins, 'bounds' | 'regular'>): number {
  if (Number.isNaN(x)) return regular;
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (x <= bounds[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}

const RADIX_BITS = 11;
const RADIX = 1 << RADIX_BITS;

/**
 * Sorts values that are not NaN, in place: a radix sort of their bits in three passes (`swap` is of the same length), several times as fast as the
 * engine's sort on the 200,000 values of a sample.
 */
function sortFloats(values: Float32Array, swap: Uint32Array): Float32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  // Bits that sort as unsigned numbers: negative ones are inverted, the others get the sign bit.
  for (let i = 0; i < bits.length; i++) bits[i] = bits[i]! >>> 31 === 1 ? ~bits[i]! : bits[i]! | 0x80000000;
  let from: Uint32Array = bits;
  let to = swap;
  for (let shift = 0; shift < 32; shift += RADIX_BITS) {
    const ends = new Uint32Array(RADIX + 1);
    for (let i = 0; i < from.length; i++) ends[((from[i]! >>> shift) & (RADIX - 1)) + 1]!++;
    for (let d = 0; d < RADIX; d++) ends[d + 1]! += ends[d]!;
    for (let i = 0; i < from.length; i++) to[ends[(from[i]! >>> shift) & (RADIX - 1)]!++] = from[i]!;
    [from, to] = [to, from];
  }
  for (let i = 0; i < bits.length; i++) bits[i] = from[i]! >>> 31 === 1 ? from[i]! & 0x7fffffff : ~from[i]!;
  return values;
}

/** The distinct values in rising order, and how often each occurs; both overwrite the scratch. */
function distinctValues(sorted: Float32Array, { swap }: BinScratch): { distinct: Float32Array; counts: Uint32Array } {
  let k = -1;
  for (let i = 0; i < sorted.length; i++) {
    const x = sorted[i]!;
    if (k < 0 || x !== sorted[k]) {
      sorted[++k] = x;
      swap[k] = 1;
    } else swap[k]!++;
  }
  return { distinct: sorted.subarray(0, k + 1), counts: swap.subarray(0, k + 1) };
}

/** After which distinct values to cut, when each could have a bin: as soon as a bin holds enough rows. */
function cutsOfFew(counts: Uint32Array, minDataInBin: number): number[] {
  const cuts: number[] = [];
  let inBin = 0;
  for (let i = 0; i + 1 < counts.length; i++) {
    inBin += counts[i]!;
    if (inBin < minDataInBin) continue;
    cuts.push(i);
    inBin = 0;
  }
  return cuts;
}

function cutsOfMany(counts: Uint32Array, total: number, maxBins: number): number[] {
  const big = new Uint8Array(counts.length);
  let restBins = maxBins;
  let restRows = total;
  const mean = total / maxBins;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i]! < mean) continue;
    big[i] = 1;
    restBins--;
    restRows -= counts[i]!;
  }
  let target = restRows / Math.max(restBins, 1);
  const cuts: number[] = [];
  let inBin = 0;
  for (let i = 0; i + 1 < counts.length && cuts.length < maxBins - 1; i++) {
    if (!big[i]) restRows -= counts[i]!;
    inBin += counts[i]!;
    if (!(big[i] || inBin >= target || (big[i + 1] && inBin >= Math.max(1, target / 2)))) continue;
    cuts.push(i);
    inBin = 0;
    if (big[i]) continue;
    restBins--;
    target = restRows / Math.max(restBins, 1);
  }
  return cuts;
}
