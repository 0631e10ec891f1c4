import type { GraphBuilder } from '@millrace/onnx';
import type { ImputeStep } from './spec.ts';
import { invalidStep } from './step-error.ts';

/** A fitted transformation of one numeric column, in float32 throughout so that ONNX Runtime gives the same bits. */
export type NumericStep =
  | { readonly op: 'impute'; readonly fill: number; readonly indicator: boolean }
  /** (x - offset) / divisor, each rounded to float32. */
  | { readonly op: 'affine'; readonly offset: number; readonly divisor: number };

/** Fits `impute` on the training rows; a column without any value is filled with 0. */
export function fitNumericImpute(column: string, values: Float32Array, step: ImputeStep): NumericStep {
  return { op: 'impute', fill: Math.fround(fillValue(column, values, step)), indicator: step.indicator ?? false };
}

function fillValue(column: string, values: Float32Array, step: ImputeStep): number {
  if (step.strategy === 'constant') {
    if (typeof step.value === 'number' && Number.isFinite(step.value)) return step.value;
    throw invalidStep(column, 'impute', `needs a finite number as "value", not ${JSON.stringify(step.value)}.`);
  }
  const present = values.filter(Number.isFinite);
  if (present.length === 0) return 0;
  if (step.strategy === 'mean') return moments(present).mean;
  const sorted = present.sort();
  return step.strategy === 'median' ? median(sorted) : mode(sorted);
}

function median(sorted: Float32Array): number {
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The most frequent value, the smallest among equals. */
function mode(sorted: Float32Array): number {
  let best = sorted[0]!;
  let bestCount = 0;
  for (let start = 0; start < sorted.length; ) {
    let end = start + 1;
    while (end < sorted.length && sorted[end] === sorted[start]) end++;
    if (end - start > bestCount) [best, bestCount] = [sorted[start]!, end - start];
    start = end;
  }
  return best;
}

/** Fits `standard_scale`; missing and infinite values do not count, and a constant column is only shifted. */
export function fitStandardScale(values: Float32Array): NumericStep {
  const { mean, deviation } = moments(values);
  return { op: 'affine', offset: Math.fround(mean), divisor: safeDivisor(deviation) };
}

/** Fits `min_max_scale`; missing and infinite values do not count, and a constant column is only shifted. */
export function fitMinMaxScale(values: Float32Array): NumericStep {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    if (!Number.isFinite(x)) continue;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  if (low > high) return { op: 'affine', offset: 0, divisor: 1 };
  return { op: 'affine', offset: low, divisor: safeDivisor(high - low) };
}

function safeDivisor(x: number): number {
  const rounded = Math.fround(x);
  return rounded > 0 && Number.isFinite(rounded) ? rounded : 1;
}

/** Mean and population standard deviation of the finite values, in two passes. */
function moments(values: Float32Array): { mean: number; deviation: number } {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) continue;
    sum += values[i]!;
    count++;
  }
  const mean = count === 0 ? 0 : sum / count;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]!)) squares += (values[i]! - mean) ** 2;
  }
  return { mean, deviation: count === 0 ? 0 : Math.sqrt(squares / count) };
}

/** Transforms a column. The input is left as it is. */
export function applyNumeric(step: NumericStep, values: Float32Array): Float32Array {
  const out = new Float32Array(values.length);
  if (step.op === 'impute') {
    for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(values[i]!) ? step.fill : values[i]!;
  } else {
    for (let i = 0; i < out.length; i++) out[i] = Math.fround(values[i]! - step.offset) / step.divisor;
  }
  return out;
}

/** 1 where the value is missing. */
export function missingIndicator(values: Float32Array): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(values[i]!) ? 1 : 0;
  return out;
}

/** Adds the step to a graph, on a value [N,1] float32; gives the transformed value's name. */
export function emitNumeric(step: NumericStep, graph: GraphBuilder, value: string): string {
  if (step.op === 'impute') {
    const [missing] = graph.node({ op: 'IsNaN', inputs: [value] });
    const fill = scalar(graph, step.fill);
    return graph.node({ op: 'Where', inputs: [missing!, fill, value] })[0]!;
  }
  const [shifted] = graph.node({ op: 'Sub', inputs: [value, scalar(graph, step.offset)] });
  return graph.node({ op: 'Div', inputs: [shifted!, scalar(graph, step.divisor)] })[0]!;
}

/** Adds the missing indicator of a value [N,1] float32. */
export function emitIndicator(graph: GraphBuilder, value: string): string {
  const [missing] = graph.node({ op: 'IsNaN', inputs: [value] });
  return graph.node({ op: 'Cast', inputs: [missing!], attributes: { to: { int: 1 } } })[0]!;
}

function scalar(graph: GraphBuilder, value: number): string {
  return graph.constant({ type: 'float32', shape: [1], values: [value] });
}
