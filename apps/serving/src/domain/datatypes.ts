import type { TensorContents } from '../codec/messages.ts';

/** The datatypes of the Open Inference Protocol that are served. FP16 and BF16 are not yet. */
export type Datatype =
  | 'BOOL'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'FP32'
  | 'FP64'
  | 'BYTES';

/** Elements of numbers and booleans. */
export type NumericValues =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** Row-major elements of a tensor; texts for BYTES. */
export type TensorValues = NumericValues | string[];

/** What is known of a datatype. */
export interface DatatypeSpec {
  readonly name: Datatype;
  /** Its name in ONNX Runtime. */
  readonly ortType: string;
  /** Bytes of an element in raw contents; 0 for BYTES. */
  readonly width: number;
  /** Makes an array of zeros; of empty texts for BYTES. */
  readonly make: (length: number) => TensorValues;
  /** Where typed contents hold the values. */
  readonly member: keyof TensorContents;
}

type ArrayType = { readonly BYTES_PER_ELEMENT: number; new (length: number): NumericValues };

function numeric(name: Datatype, ortType: string, array: ArrayType, member: keyof TensorContents): DatatypeSpec {
  return { name, ortType, width: array.BYTES_PER_ELEMENT, make: (length) => new array(length), member };
}

const SPECS: readonly DatatypeSpec[] = [
  numeric('FP32', 'float32', Float32Array, 'fp32'),
  numeric('FP64', 'float64', Float64Array, 'fp64'),
  numeric('INT8', 'int8', Int8Array, 'int'),
  numeric('INT16', 'int16', Int16Array, 'int'),
  numeric('INT32', 'int32', Int32Array, 'int'),
  numeric('INT64', 'int64', BigInt64Array, 'int64'),
  numeric('UINT8', 'uint8', Uint8Array, 'uint'),
  numeric('UINT16', 'uint16', Uint16Array, 'uint'),
  numeric('UINT32', 'uint32', Uint32Array, 'uint'),
  numeric('UINT64', 'uint64', BigUint64Array, 'uint64'),
  numeric('BOOL', 'bool', Uint8Array, 'bool'),
  { name: 'BYTES', ortType: 'string', width: 0, make: (length) => new Array<string>(length).fill(''), member: 'bytes' },
];

const BY_NAME: ReadonlyMap<string, DatatypeSpec> = new Map(SPECS.map((spec) => [spec.name, spec]));
const BY_ORT_TYPE: ReadonlyMap<string, DatatypeSpec> = new Map(SPECS.map((spec) => [spec.ortType, spec]));

/** The names of all datatypes, for messages. */
export const DATATYPE_NAMES: string = SPECS.map((spec) => spec.name).join(', ');

/** What is known of a datatype of the protocol. */
export function datatypeNamed(name: string): DatatypeSpec | undefined {
  return BY_NAME.get(name);
}

/** The datatype of a type of ONNX Runtime. */
export function datatypeOfOrt(ortType: string): DatatypeSpec | undefined {
  return BY_ORT_TYPE.get(ortType);
}
