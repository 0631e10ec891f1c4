import { TensorProto_DataType } from '@millrace/contracts/onnx/onnx';

/** Element types that the platform's models use, under the names of ONNX Runtime's JavaScript API. */
export type ElementType = 'float32' | 'float64' | 'int64' | 'int32' | 'uint8' | 'bool' | 'string';

/** Size of each dimension; a text names a size that is known only at run time, such as `N` for rows. */
export type Shape = readonly (number | string)[];

/** A constant: element type, shape (empty for a scalar) and values in row-major order. */
export interface TensorValue {
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** As many values as the shape has elements; numbers are rounded to the element type. */
  readonly values: ArrayLike<number | bigint> | readonly string[] | readonly boolean[];
}

/** Name, element type and shape of a graph input or output. */
export interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** The number of each element type on the wire. */
export const DATA_TYPES: Readonly<Record<ElementType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  float64: TensorProto_DataType.DOUBLE,
  int64: TensorProto_DataType.INT64,
  int32: TensorProto_DataType.INT32,
  uint8: TensorProto_DataType.UINT8,
  bool: TensorProto_DataType.BOOL,
  string: TensorProto_DataType.STRING,
};

/** The element type of a number on the wire, or undefined when the platform has no use for it. */
export function elementTypeOf(dataType: number): ElementType | undefined {
  return (Object.keys(DATA_TYPES) as ElementType[]).find((type) => DATA_TYPES[type] === dataType);
}
