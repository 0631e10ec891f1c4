/**
 * Gives each score a bucket, rising with the score; equal scores share one. With `bucketsMax` the buckets hold nearly
 * equal numbers of rows, without it there is one for each distinct score.
 */
export function scoreBuckets(scores: Float64Array, bucketsMax?: number): { count: number; of: Uint32Array } {
  const sorted = scores.slice().sort();
  const bounds: number[] = [];
  const step = bucketsMax === undefined ? 1 : sorted.length / bucketsMax;
  for (let at = step; at < sorted.length; at += step) {
    const bound = sorted[Math.floor(at)]!;
    if (bound > (bounds.at(-1) ?? sorted[0]!)) bounds.push(bound);
  }
  const limits = Float64Array.from(bounds);
  const of = new Uint32Array(scores.length);
  for (let i = 0; i < scores.length; i++) of[i] = countAtMost(limits, scores[i]!);
  return { count: limits.length + 1, of };
}

/** How many of the rising limits are at most x. */
function countAtMost(limits: Float64Array, x: number): number {
  let [low, high] = [0, limits.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (limits[middle]! <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Area under the ROC curve from weights by rising score bucket; weights of one bucket tie. */
export function aucOfBuckets(positives: Float64Array, negatives: Float64Array): number {
  let [below, sum, total] = [0, 0, 0];
  for (let b = 0; b < positives.length; b++) {
    sum += positives[b]! * (below + negatives[b]! / 2);
    below += negatives[b]!;
    total += positives[b]!;
  }
  return sum / (total * below);
}
