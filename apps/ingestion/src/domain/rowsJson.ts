import type { ColumnBatch, ColumnData, ResultColumn } from '@millrace/tables';
import { isNullAt } from '@millrace/tables';

/**
 * The rows of a batch, each as a JSON array: 64-bit integers beyond 2^53 and numbers that JSON lacks (NaN, Infinity) as text, dates as `2001-01-31`,
 * timestamps as ISO 8601 in UTC with as many digits as are needed, bytes as base64.
 */
export function* toJsonRows(schema: readonly ResultColumn[], batch: ColumnBatch): Generator<string> {
  const writers = schema.map(({ type }, i) => writerOf(type, batch.columns[i]!));
  for (let row = 0; row < batch.rows; row++) {
    let text = '[';
    for (let i = 0; i < writers.length; i++) {
      if (i > 0) text += ',';
      text += isNullAt(batch.columns[i]!, row) ? 'null' : writers[i]!(row);
    }
    yield `${text}]`;
  }
}

function writerOf(type: ResultColumn['type'], { values }: ColumnData): (row: number) => string {
  if (type === 'boolean') return (row) => (values[row] ? 'true' : 'false');
  if (type === 'date') return (row) => `"${new Date(Number(values[row]) * 86_400_000).toISOString().slice(0, 10)}"`;
  if (type === 'timestamp' || type === 'timestamptz') return (row) => `"${isoMicros(values[row] as bigint)}"`;
  if (type === 'binary') return (row) => `"${Buffer.from(values[row] as Uint8Array).toString('base64')}"`;
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return (row) => integer(values[row]!);
  return (row) => {
    const value = values[row];
    if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `"${value}"`;
    return JSON.stringify(value);
  };
}

function integer(value: bigint): string {
  return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`;
}

/** The widest span of microseconds that JavaScript dates cover. */
const DATE_MICROS_MAX = 8_640_000_000_000_000_000n;

function isoMicros(micros: bigint): string {
  if (micros > DATE_MICROS_MAX || micros < -DATE_MICROS_MAX) return micros > 0n ? 'infinity' : '-infinity';
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const text = new Date(Number((micros - rest) / 1000n)).toISOString().slice(0, -5);
  const fraction = rest === 0n ? '' : `.${rest.toString().padStart(6, '0').replace(/0+$/, '')}`;
  return `${text}${fraction}Z`;
}
