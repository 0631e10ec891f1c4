export type { Attribute } from './attribute.ts';
export type { BuildOptions, GraphBuilder, NodeSpec } from './graph.ts';
export { createGraph, DEFAULT_OPSETS, IR_VERSION, ML_DOMAIN } from './graph.ts';
export type { ModelInfo, ModelValue } from './reader.ts';
export { readModel } from './reader.ts';
export type { Column, OnnxSession, SessionOptions, TensorArrays } from './session.ts';
export { createOnnxSession, onnxRuntimeVersion } from './session.ts';
export type { ElementType, Shape, TensorValue, ValueInfo } from './types.ts';
