import { AppError, createRng } from '@millrace/kernel';
import type { Labels } from './matrix.ts';

/** Row numbers to train and to test on; both rise. */
export interface Split {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

/**
 * Divides rows by time: rows at or after the cut-off are the test. With `fraction` (0 to 1) the cut-off is the time at
 * which the latest such share begins; rows of one time are never divided, so the share may differ a little.
 * Throws FAILED_PRECONDITION `SPLIT_EMPTY` when one side would be empty.
 */
export function splitByTime(
  times: Float64Array,
  at: { readonly fraction: number } | { readonly cutoff: number },
): Split & { readonly cutoff: number } {
  const cutoff = 'cutoff' in at ? at.cutoff : cutoffOf(times, at.fraction);
  const split = partition(times.length, (i) => times[i]! >= cutoff);
  if (split.train.length === 0 || split.test.length === 0) {
    throw new AppError(
      'FAILED_PRECONDITION',
      `A split at time ${cutoff} leaves ${split.train.length} rows to train and ${split.test.length} to test. Choose another cut-off.`,
      { reason: 'SPLIT_EMPTY', fields: { cutoff: String(cutoff) } },
    );
  }
  return { ...split, cutoff };
}

function cutoffOf(times: Float64Array, fraction: number): number {
  if (!(fraction > 0 && fraction < 1)) throw invalidSplit('fraction', fraction, 'a share above 0 and below 1');
  const sorted = times.slice().sort();
  return sorted[Math.min(times.length - 1, Math.ceil(times.length * (1 - fraction)))] ?? Number.NaN;
}

/**
 * k folds of nearly equal size, the first `rows % folds` one row larger, as scikit-learn's KFold: contiguous, or, with a
 * seed, of shuffled rows.
 */
export function kFold(rows: number, options: { readonly folds: number; readonly seed?: number }): Split[] {
  checkFolds(options.folds, rows);
  const order = Uint32Array.from({ length: rows }, (_, i) => i);
  if (options.seed !== undefined) shuffleRows(order, options.seed);
  const foldOf = new Uint32Array(rows);
  for (const [fold, { start, end }] of foldBounds(rows, options.folds).entries()) {
    for (let i = start; i < end; i++) foldOf[order[i]!] = fold;
  }
  return Array.from({ length: options.folds }, (_, fold) => partition(rows, (i) => foldOf[i] === fold));
}

/** k folds with nearly equal shares of each label (numbers are compared exactly); shuffled by the seed. */
export function stratifiedKFold(labels: Labels, options: { readonly folds: number; readonly seed: number }): Split[] {
  checkFolds(options.folds, labels.length);
  const order = Uint32Array.from({ length: labels.length }, (_, i) => i);
  shuffleRows(order, options.seed);
  const seen = new Map<number, number>();
  const foldOf = new Uint32Array(labels.length);
  let offset = 0;
  for (const row of order) {
    const label = labels[row]!;
    const n = seen.get(label) ?? offset++;
    foldOf[row] = n % options.folds;
    seen.set(label, n + 1);
  }
  return Array.from({ length: options.folds }, (_, fold) => partition(labels.length, (i) => foldOf[i] === fold));
}

/**
 * Folds that walk forward in time, as scikit-learn's TimeSeriesSplit: fold k tests on the (k+1)-th last block of rows in
 * time order and trains on all rows before it. `gap` takes rows from the end of the training part that lie less than so
 * long before the first test row (in the unit of `times`), so that labels known late cannot leak.
 */
export function timeSeriesSplit(
  times: Float64Array,
  options: { readonly folds: number; readonly testRows?: number; readonly gap?: number },
): Split[] {
  const rows = times.length;
  checkFolds(options.folds, rows - 1);
  const testRows = options.testRows ?? Math.floor(rows / (options.folds + 1));
  if (!(testRows >= 1 && testRows * options.folds < rows)) {
    throw invalidSplit(
      'testRows',
      testRows,
      `1 or more, ${options.folds} folds of which leave rows of ${rows} to train`,
    );
  }
  const order = Uint32Array.from({ length: rows }, (_, i) => i).sort((a, b) => times[a]! - times[b]! || a - b);
  return Array.from({ length: options.folds }, (_, fold) => {
    const start = rows - (options.folds - fold) * testRows;
    const first = times[order[start]!]!;
    const train = order.subarray(0, start).filter((row) => times[row]! <= first - (options.gap ?? 0));
    return { train: train.sort(), test: order.slice(start, start + testRows).sort() };
  });
}

function partition(rows: number, isTest: (row: number) => boolean): Split {
  const mask = new Uint8Array(rows);
  let tests = 0;
  for (let i = 0; i < rows; i++) {
    if (!isTest(i)) continue;
    mask[i] = 1;
    tests++;
  }
  const train = new Uint32Array(rows - tests);
  const test = new Uint32Array(tests);
  for (let i = 0, a = 0, b = 0; i < rows; i++) {
    if (mask[i]) test[b++] = i;
    else train[a++] = i;
  }
  return { train, test };
}

function foldBounds(rows: number, folds: number) {
  const size = Math.floor(rows / folds);
  const larger = rows % folds;
  return Array.from({ length: folds }, (_, k) => {
    const start = k * size + Math.min(k, larger);
    return { start, end: start + size + (k < larger ? 1 : 0) };
  });
}

/** Fisher and Yates on a typed array. */
function shuffleRows(rows: Uint32Array, seed: number): void {
  const rng = createRng(seed).fork('folds');
  for (let i = rows.length - 1; i > 0; i--) {
    const j = rng.nextInt(i + 1);
    const row = rows[i]!;
    rows[i] = rows[j]!;
    rows[j] = row;
  }
}

function checkFolds(folds: number, rows: number): void {
  if (!(Number.isInteger(folds) && folds >= 2 && folds <= rows)) {
    throw invalidSplit('folds', folds, `a whole number from 2 to ${rows}`);
  }
}

function invalidSplit(field: string, value: number, wanted: string): AppError {
  return new AppError('INVALID_ARGUMENT', `${field} is ${value}; give ${wanted}.`, {
    reason: 'SPLIT_INVALID',
    fields: { field, value: String(value) },
  });
}
