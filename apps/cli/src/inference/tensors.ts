import type { InferTensorContents, ModelInferResponse } from '@millrace/contracts/inference/inference';
import { invalidArgument } from '@millrace/kernel';

/** One input or output of a model, by the Open Inference Protocol. */
export interface TensorType {
  readonly name: string;
  /** For example `FP32`, `INT64`, `BYTES`. */
  readonly datatype: string;
}

/** A tensor of a request, one value a row. */
export interface InputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: bigint[];
  readonly contents: Partial<Omit<InferTensorContents, '$typeName' | '$unknown'>>;
}

/** A value as it was given: from JSON, or text from the command line. */
export type GivenValue = string | number | boolean | null;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The tensor `[rows]` of one input. Text is read as the input's datatype; null stands for a missing number (NaN).
 *
 * @throws AppError INVALID_ARGUMENT `INPUT_INVALID` naming the input and the value.
 */
export function inputTensor({ name, datatype }: TensorType, values: readonly GivenValue[]): InputTensor {
  const tensor = (contents: InputTensor['contents']) => ({ name, datatype, shape: [BigInt(values.length)], contents });
  const wrong = (value: GivenValue, what: string) =>
    invalidArgument('INPUT_INVALID', [
      {
        field: `--input ${name}`,
        reason: 'INPUT_INVALID',
        description: `${JSON.stringify(value)} is not ${what} (${datatype}).`,
      },
    ]);
  const numbers = () =>
    values.map((value) => {
      if (value === null || value === '') return Number.NaN;
      const number = Number(value);
      if (Number.isNaN(number) && value !== 'NaN') throw wrong(value, 'a number');
      return number;
    });
  const texts = () => values.map((value) => encoder.encode(value === null ? '' : String(value)));
  const integers = () =>
    values.map((value) => {
      if (!/^-?\d+$/.test(String(value))) throw wrong(value, 'a whole number');
      return BigInt(String(value));
    });
  switch (datatype) {
    case 'FP32':
      return tensor({ fp32Contents: numbers() });
    case 'FP64':
      return tensor({ fp64Contents: numbers() });
    case 'INT64':
      // A request column of type TIMESTAMP is INT64, microseconds since 1970; endpoints read it as text as well.
      if (values.every(isTime)) return { ...tensor({ bytesContents: texts() }), datatype: 'BYTES' };
      return tensor({ int64Contents: integers() });
    case 'UINT64':
      return tensor({ uint64Contents: integers() });
    case 'INT8':
    case 'INT16':
    case 'INT32':
      return tensor({ intContents: integers().map(Number) });
    case 'UINT8':
    case 'UINT16':
    case 'UINT32':
      return tensor({ uintContents: integers().map(Number) });
    case 'BOOL':
      return tensor({
        boolContents: values.map((value) => {
          if (!['true', 'false', '1', '0'].includes(String(value))) throw wrong(value, 'true or false');
          return ['true', '1'].includes(String(value));
        }),
      });
    default:
      return tensor({ bytesContents: texts() });
  }
}

/** Whether a value is written like a moment: `2001-04-01T09:30:00Z`. */
function isTime(value: GivenValue): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\d/.test(value);
}

/** The outputs of an answer as numbers, booleans or texts, by name; 64-bit integers beyond 2^53 are texts. */
export function outputValues(response: ModelInferResponse): Record<string, GivenValue[]> {
  return Object.fromEntries(
    response.outputs.map((output, i) => {
      const raw = response.rawOutputContents[i];
      const values = raw ? rawValues(output.datatype, raw) : typedValues(output.contents);
      return [output.name, values];
    }),
  );
}

function typedValues(contents: InferTensorContents | undefined): GivenValue[] {
  if (!contents) return [];
  const { fp32Contents, fp64Contents, intContents, uintContents, int64Contents, uint64Contents, boolContents } =
    contents;
  for (const list of [fp32Contents, fp64Contents, intContents, uintContents, boolContents])
    if (list.length > 0) return [...list];
  for (const list of [int64Contents, uint64Contents]) if (list.length > 0) return list.map(safeInteger);
  return contents.bytesContents.map((bytes) => decoder.decode(bytes));
}

/** Raw contents are little-endian; each text has its length in four bytes before it. */
function rawValues(datatype: string, raw: Uint8Array): GivenValue[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const each = (width: number, read: (at: number) => GivenValue) =>
    Array.from({ length: Math.floor(raw.length / width) }, (_, i) => read(i * width));
  switch (datatype) {
    case 'FP32':
      return each(4, (at) => view.getFloat32(at, true));
    case 'FP64':
      return each(8, (at) => view.getFloat64(at, true));
    case 'INT64':
      return each(8, (at) => safeInteger(view.getBigInt64(at, true)));
    case 'UINT64':
      return each(8, (at) => safeInteger(view.getBigUint64(at, true)));
    case 'INT32':
      return each(4, (at) => view.getInt32(at, true));
    case 'UINT32':
      return each(4, (at) => view.getUint32(at, true));
    case 'INT16':
      return each(2, (at) => view.getInt16(at, true));
    case 'UINT16':
      return each(2, (at) => view.getUint16(at, true));
    case 'INT8':
      return each(1, (at) => view.getInt8(at));
    case 'UINT8':
      return each(1, (at) => view.getUint8(at));
    case 'BOOL':
      return each(1, (at) => view.getUint8(at) !== 0);
    default: {
      const texts: string[] = [];
      for (let at = 0; at + 4 <= raw.length; ) {
        const length = view.getUint32(at, true);
        texts.push(decoder.decode(raw.subarray(at + 4, at + 4 + length)));
        at += 4 + length;
      }
      return texts;
    }
  }
}

function safeInteger(value: bigint): GivenValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
