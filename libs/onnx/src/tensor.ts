import { create } from '@bufbuild/protobuf';
import type { TensorProto } from '@millrace/contracts/onnx/onnx';
import { TensorProtoSchema } from '@millrace/contracts/onnx/onnx';
import { invariant } from '@millrace/kernel';
import type { TensorValue } from './types.ts';
import { DATA_TYPES } from './types.ts';

const utf8 = new TextEncoder();

/** The wire form of a constant. Numbers go into `raw_data` (little-endian), text into `string_data`. */
export function tensorProto(name: string, value: TensorValue): TensorProto {
  const size = value.shape.reduce((product, n) => product * n, 1);
  invariant(value.values.length === size, `tensor ${name} of shape [${value.shape}] has ${value.values.length} values`);
  const proto = create(TensorProtoSchema, {
    name,
    dataType: DATA_TYPES[value.type],
    dims: value.shape.map((n) => BigInt(n)),
  });
  if (value.type === 'string') proto.stringData = Array.from(value.values as readonly string[], (s) => utf8.encode(s));
  else proto.rawData = rawBytes(value);
  return proto;
}

const WIDTHS = { float32: 4, float64: 8, int64: 8, int32: 4, uint8: 1, bool: 1 } as const;

function rawBytes(value: TensorValue): Uint8Array {
  const type = value.type as keyof typeof WIDTHS;
  const width = WIDTHS[type];
  const bytes = new Uint8Array(value.values.length * width);
  const view = new DataView(bytes.buffer);
  const values = value.values as ArrayLike<number | bigint | boolean>;
  for (let i = 0; i < values.length; i++) {
    const at = i * width;
    const item = values[i] as number | bigint | boolean;
    if (type === 'int64') view.setBigInt64(at, BigInt(item), true);
    else if (type === 'int32') view.setInt32(at, Number(item), true);
    else if (type === 'float32') view.setFloat32(at, Number(item), true);
    else if (type === 'float64') view.setFloat64(at, Number(item), true);
    else view.setUint8(at, Number(item));
  }
  return bytes;
}
