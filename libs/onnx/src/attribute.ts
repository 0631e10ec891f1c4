import { create } from '@bufbuild/protobuf';
import type { AttributeProto } from '@millrace/contracts/onnx/onnx';
import { AttributeProtoSchema, AttributeProto_AttributeType as Kind } from '@millrace/contracts/onnx/onnx';
import { tensorProto } from './tensor.ts';
import type { TensorValue } from './types.ts';

/** A parameter of a node. The kind is said, because `1` may be an integer or a float. */
export type Attribute =
  | { readonly int: number | bigint | boolean }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: ArrayLike<number | bigint> }
  | { readonly floats: ArrayLike<number> }
  | { readonly strings: readonly string[] }
  | { readonly tensor: TensorValue };

const utf8 = new TextEncoder();

/** The wire form of one attribute. Floats are rounded to float32. */
export function attributeProto(name: string, value: Attribute): AttributeProto {
  return create(AttributeProtoSchema, { name, ...body(name, value) });
}

function body(name: string, value: Attribute) {
  if ('int' in value) return { type: Kind.INT, i: BigInt(value.int) };
  if ('float' in value) return { type: Kind.FLOAT, f: Math.fround(value.float) };
  if ('string' in value) return { type: Kind.STRING, s: utf8.encode(value.string) };
  if ('ints' in value) return { type: Kind.INTS, ints: Array.from(value.ints, (n) => BigInt(n)) };
  if ('floats' in value) return { type: Kind.FLOATS, floats: Array.from(value.floats, Math.fround) };
  if ('strings' in value) return { type: Kind.STRINGS, strings: value.strings.map((s) => utf8.encode(s)) };
  return { type: Kind.TENSOR, t: tensorProto(name, value.tensor) };
}
