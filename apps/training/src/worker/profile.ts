import { setImmediate as nextTurn } from 'node:timers/promises';
import type { WorkerContext } from '@millrace/jobs';
import type { CategoryColumn, Frame } from '@millrace/learning';
import { type ColumnProfile, createProfiler } from '@millrace/profiles';

/** Rows between two looks at the signal. */
const BLOCK_ROWS = 262_144;

/**
 * Profiles the model's inputs, in a worker thread, in the order of the rows: the same rows give the same profile to the
 * bit, which DuckDB's parallel means would not.
 */
export async function profileFrame(frame: Frame, { signal }: Pick<WorkerContext, 'signal'>): Promise<ColumnProfile[]> {
  const columns: ColumnProfile[] = [];
  for (const [name, column] of Object.entries(frame.columns)) {
    const next =
      column.kind === 'category' ? profileTexts(name, column, signal) : profileNumbers(name, column.values, signal);
    columns.push(await next);
  }
  return columns;
}

/** Profiles numbers; NaN is missing. */
export async function profileNumbers(name: string, values: Float32Array, signal: AbortSignal): Promise<ColumnProfile> {
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
    const texts = Array.from(codes.subarray(start, start + BLOCK_ROWS), (code) => (code < 0 ? null : levels[code]));
    profiler.addColumn(name, texts);
  }
  return profiler.finish().columns[0]!;
}
