import { AppError, createRng } from '@millrace/kernel';
import type { Frame } from '@millrace/learning';
import { selectRows, selectValues, sliceRows } from '@millrace/learning';
import type { TrainingPlan } from '../domain/plan.ts';

/** Rows to fit on at least: fewer say nothing. */
export const TRAIN_ROWS_MIN = 10;

/** Share of the rows to fit on that is held back to steer early stopping: the newest tenth. */
const VALIDATION_SHARE = 0.1;

/** Rows of a training set; every part of one shares its memory where the rows follow each other. */
export interface Rows {
  readonly frame: Frame;
  /** The label as a number; booleans are 0 and 1, missing is NaN. */
  readonly labels: Float64Array;
  /** Microseconds since 1970, rising. */
  readonly times: Float64Array;
}

/** The rows from `start` up to `end`, not included, without a copy. */
export function rowsBetween({ frame, labels, times }: Rows, start: number, end: number): Rows {
  return {
    frame: sliceRows(frame, start, end),
    labels: labels.subarray(start, end),
    times: times.subarray(start, end),
  };
}

/** The rows at these positions. */
export function rowsAt({ frame, labels, times }: Rows, positions: Uint32Array): Rows {
  return {
    frame: selectRows(frame, positions),
    labels: selectValues(labels, positions),
    times: selectValues(times, positions),
  };
}

/**
 * Divides rows by time; rows of one time are never divided. Throws FAILED_PRECONDITION `TEST_SET_EMPTY`, `TOO_FEW_ROWS`.
 */
export function splitRows(rows: Rows, split: TrainingPlan['split']): { train: Rows; test: Rows } {
  const { times } = rows;
  const cutoff = 'testStartUs' in split ? split.testStartUs : cutoffOf(times, split.testFraction);
  const at = firstAtOrAfter(times, cutoff);
  const when = Number.isFinite(cutoff) ? new Date(cutoff / 1000).toISOString() : 'never';
  if (times.length > 0 && at === times.length) {
    throw failed(
      'TEST_SET_EMPTY',
      `No row is at or after ${when}, where the test rows begin; the newest is of ${new Date(times.at(-1)! / 1000).toISOString()}. Let the test begin earlier.`,
    );
  }
  if (at < TRAIN_ROWS_MIN) {
    throw failed(
      'TOO_FEW_ROWS',
      `${at} of ${times.length} rows are before ${when}, where the test rows begin; at least ${TRAIN_ROWS_MIN} are needed to train. Use a larger training set or let the test begin later.`,
    );
  }
  return { train: rowsBetween(rows, 0, at), test: rowsBetween(rows, at, times.length) };
}

function cutoffOf(times: Float64Array, fraction: number): number {
  return times[Math.min(times.length - 1, Math.ceil(times.length * (1 - fraction)))] ?? Number.NaN;
}

/** Binary search. */
function firstAtOrAfter(times: Float64Array, cutoff: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < cutoff) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Holds the newest tenth back, at least one row, for early stopping. */
export function holdBack(rows: Rows): { fit: Rows; validation: Rows } {
  const cut = rows.frame.rows - Math.max(1, Math.floor(rows.frame.rows * VALIDATION_SHARE));
  return { fit: rowsBetween(rows, 0, cut), validation: rowsBetween(rows, cut, rows.frame.rows) };
}

/** Positions of a seeded sample without replacement, rising (Knuth's algorithm S); all of them when there are no more. */
export function samplePositions(rows: number, rowsMax: number, seed: number): Uint32Array {
  if (rowsMax === 0 || rows <= rowsMax) return Uint32Array.from({ length: rows }, (_, i) => i);
  const rng = createRng(seed).fork('cross-validation sample');
  const chosen = new Uint32Array(rowsMax);
  for (let row = 0, n = 0; n < rowsMax; row++) {
    if (rng.next() * (rows - row) < rowsMax - n) chosen[n++] = row;
  }
  return chosen;
}

/** Throws FAILED_PRECONDITION `LABEL_INVALID` or `ONE_CLASS` unless the labels suit the task; `side` says whose they are. */
export function checkLabels({ labels }: Rows, task: 'binary' | 'regression', side: string): void {
  let missing = 0;
  let other = 0;
  let positives = 0;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isFinite(label)) missing++;
    else if (label === 1) positives++;
    else if (label !== 0) other++;
  }
  if (missing > 0)
    throw failed('LABEL_INVALID', `${missing} of ${labels.length} ${side} rows have no finite label. Filter them out.`);
  if (task === 'regression') return;
  if (other > 0)
    throw failed(
      'LABEL_INVALID',
      `${other} of ${labels.length} ${side} rows have a label other than 0 and 1. Use a boolean expression.`,
    );
  if (positives === 0 || positives === labels.length) {
    const only = positives === 0 ? 'false' : 'true';
    throw failed('ONE_CLASS', `All ${labels.length} ${side} rows are labelled ${only}; a binary task needs both.`);
  }
}

function failed(reason: string, message: string): AppError {
  return new AppError('FAILED_PRECONDITION', message, { reason });
}
