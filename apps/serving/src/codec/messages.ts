/** The value of an `inference.InferParameter`; `undefined` where none of its fields is set. */
export type ParameterValue =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int64'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'uint64'; readonly value: bigint }
  | undefined;

/** Parameters by name. */
export type Parameters = ReadonlyMap<string, ParameterValue>;

/** The values of a typed tensor, in the fields of `inference.InferTensorContents`; a field that is missing has no values. */
export interface TensorContents {
  /** One byte a value: 0 or 1. */
  bool?: Uint8Array;
  /** INT8, INT16, INT32. */
  int?: Int32Array;
  int64?: BigInt64Array;
  /** UINT8, UINT16, UINT32. */
  uint?: Uint32Array;
  uint64?: BigUint64Array;
  fp32?: Float32Array;
  fp64?: Float64Array;
  bytes?: Uint8Array[];
}

/** One input tensor of a request. */
export interface InferInput {
  name: string;
  datatype: string;
  /** Sizes beyond 2^53 lose digits; no tensor has them, so they are refused later anyway. */
  shape: number[];
  parameters: Map<string, ParameterValue> | undefined;
  contents: TensorContents | undefined;
}

/** An output that the caller asks for. */
export interface RequestedOutput {
  name: string;
  parameters: Map<string, ParameterValue> | undefined;
}

/** `inference.ModelInferRequest`. Byte fields are views of the message's buffer. */
export interface InferRequest {
  modelName: string;
  modelVersion: string;
  id: string;
  parameters: Map<string, ParameterValue> | undefined;
  inputs: InferInput[];
  outputs: RequestedOutput[];
  rawInputs: Uint8Array[];
}

/** One output tensor of a response. */
export interface InferOutput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters?: Parameters;
  readonly contents?: TensorContents;
}

/** `inference.ModelInferResponse`. */
export interface InferResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: Parameters | undefined;
  readonly outputs: readonly InferOutput[];
  /** One for each output, or none at all. */
  readonly rawOutputs: readonly Uint8Array[];
}
