import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CategoryColumn, Frame } from '@millrace/learning';
import { type ColumnProfile, createProfiler } from '@millrace/profiles';

/** Rows between two looks at the signal. */
const BLOCK_ROWS = 262_144;

/**
 * Profiles the model's inputs over the training rows and the predictions over the test rows (column `prediction`, as
 * float32, which serving gives), in the order of the rows, so that the same rows give the same profile to the bit.
 */
export async function profileRows(
  train: Frame,
  predictions: Float64Array,
  signal: AbortSignal,
): Promise<{ rows: number; columns: readonly ColumnProfile[] }> {
  const columns: ColumnProfile[] = [];
  for (const [name, column] of Object.entries(train.columns)) {
    if (column.kind === 'category') columns.push(await profileTexts(name, column, signal));
    else columns.push(await profileNumbers(name, column.values, signal));
  }
  columns.push(await profileNumbers('prediction', Float32Array.from(predictions), signal));
  return { rows: train.rows, columns };
}

async function profileNumbers(name: string, values: Float32Array, signal: AbortSignal): Promise<ColumnProfile> {
  const profiler = createProfiler([{ name, type: 'number' }]);
  for (let start = 0; start < values.length; start += BLOCK_ROWS) {
    await nextTurn();
    signal.throwIfAborted();
    profiler.addColumn(name, values.subarray(start, start + BLOCK_ROWS));
  }
  return profiler.finish().columns[0]!;
}

async function profileTexts(
  name: string,
  { codes, levels }: CategoryColumn,
  signal: AbortSignal,
): Promise<ColumnProfile> {
  const profiler = createProfiler([{ name, type: 'string' }]);
  for (let start = 0; start < codes.length; start += BLOCK_ROWS) {
    await nextTurn();
    signal.throwIfAborted();
    profiler.addColumn(
      name,
      Array.from(codes.subarray(start, start + BLOCK_ROWS), (code) => (code < 0 ? null : levels[code])),
    );
  }
  return profiler.finish().columns[0]!;
}
