import type { Rng } from '@millrace/kernel';

/** Marks `take` of `mask.length` entries with 1, the others with 0; every choice is equally likely. */
export function chooseFeatures(mask: Uint8Array, fraction: number, rng: Rng): void {
  const n = mask.length;
  const take = Math.max(1, Math.ceil(fraction * n));
  mask.fill(0);
  for (let i = 0, left = take; i < n; i++) {
    if (rng.nextInt(n - i) >= left) continue;
    mask[i] = 1;
    left--;
  }
}

/**
 * Draws floor(fraction · rows), at least one, of the rows without replacement (selection sampling, Knuth 3.4.2 S).
 * Fills `inBag` with 1 for them and 0 for the others, writes them to `index` in rising order, and gives their number.
 */
export function drawBag(index: Uint32Array, inBag: Uint8Array, rows: number, fraction: number, rng: Rng): number {
  const take = Math.max(1, Math.floor(fraction * rows));
  let taken = 0;
  for (let row = 0; row < rows; row++) {
    const chosen = rng.next() * (rows - row) < take - taken;
    inBag[row] = chosen ? 1 : 0;
    if (chosen) index[taken++] = row;
  }
  return taken;
}
