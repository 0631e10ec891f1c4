/** Buckets for each power of two: quantiles are within 1/64 (1.6 %) of the true value. */
const STEPS = 64;
/** Powers of two above 64 µs that are told apart: up to 2^30 µs (18 minutes). */
const POWERS = 25;
/** Values after which the older half is forgotten. */
const WINDOW = 50_000;

/**
 * Latencies in microseconds in buckets of equal relative width, after Gil Tene's HdrHistogram
 * (https://hdrhistogram.github.io/HdrHistogram/). Quantiles are those of the last 50,000 to 100,000 values. Recording
 * costs a few nanoseconds and allocates nothing.
 */
export class LatencyHistogram {
  #current = new Uint32Array(STEPS * POWERS);
  #before = new Uint32Array(STEPS * POWERS);
  #count = 0;

  /** Notes one latency. */
  record(us: number): void {
    if (this.#count === WINDOW) {
      [this.#current, this.#before] = [this.#before.fill(0), this.#current];
      this.#count = 0;
    }
    this.#current[bucketOf(us)]!++;
    this.#count++;
  }

  /** The latency that the share `q` of all values do not exceed; 0 when there are none. */
  quantile(q: number): number {
    let total = 0;
    for (let i = 0; i < this.#current.length; i++) total += this.#current[i]! + this.#before[i]!;
    if (total === 0) return 0;
    const rank = Math.max(1, Math.ceil(q * total));
    let seen = 0;
    for (let i = 0; i < this.#current.length; i++) {
      seen += this.#current[i]! + this.#before[i]!;
      if (seen >= rank) return middleOf(i);
    }
    return middleOf(this.#current.length - 1);
  }
}

function bucketOf(us: number): number {
  const whole = Math.max(0, Math.floor(us));
  if (whole < STEPS) return whole;
  const power = Math.min(31 - Math.clz32(Math.min(whole, 2 ** 31 - 1)), POWERS + 4);
  const step = Math.min(Math.floor(whole / 2 ** (power - 6)), 2 * STEPS - 1) - STEPS;
  return (power - 5) * STEPS + step;
}

function middleOf(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const power = Math.floor(bucket / STEPS) + 5;
  const width = 2 ** (power - 6);
  return (STEPS + (bucket % STEPS) + 0.5) * width;
}
