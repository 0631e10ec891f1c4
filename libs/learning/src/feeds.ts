import { invalidArgument } from '@millrace/kernel';
import type { Column } from '@millrace/onnx';
import type { Frame } from './frame.ts';
import { columnOf } from './frame.ts';
import type { FittedColumn } from './preprocessor.ts';

/**
 * The rows of a frame as the tensors [N,1] that a pipeline's ONNX file takes, by name. A missing text is the empty text.
 * Throws INVALID_ARGUMENT `INTEGER_MISSING` when an int64 column holds a number that is no integer.
 */
export function toFeeds(columns: readonly FittedColumn[], frame: Frame): Record<string, Column> {
  return Object.fromEntries(columns.map((column) => [column.name, toTensor(column, frame)]));
}

function toTensor({ name, inputType }: FittedColumn, frame: Frame): Column {
  const shape = [frame.rows, 1];
  if (inputType === 'string') {
    const { codes, levels } = columnOf(frame, name, 'category');
    const values = new Array<string>(codes.length);
    for (let i = 0; i < codes.length; i++) values[i] = codes[i]! < 0 ? '' : levels[codes[i]!]!;
    return { type: 'string', shape, values };
  }
  const { values } = columnOf(frame, name, 'numeric');
  if (inputType === 'float32') return { type: 'float32', shape, values: unshared(values) };
  const integers = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (!Number.isSafeInteger(values[i]!)) throw notInteger(name, values[i]!, i);
    integers[i] = BigInt(values[i]!);
  }
  return { type: 'int64', shape, values: integers };
}

/** ONNX Runtime does not take memory that threads share. */
function unshared(values: Float32Array): Float32Array {
  return values.buffer instanceof SharedArrayBuffer ? values.slice() : values;
}

function notInteger(column: string, value: number, row: number) {
  return invalidArgument('INTEGER_MISSING', [
    {
      field: column,
      description: `is ${value} in row ${row}; an int64 input takes integers only. Use inputType float32.`,
    },
  ]);
}
