import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import type { BlobRefSchema } from '@millrace/contracts/millrace/common/v1/table';
import type { ModelSignatureSchema, TrainingResultSchema } from '@millrace/contracts/millrace/training/v1/training_job';
import type { ModelInfo, ModelValue } from '@millrace/onnx';
import type { TrainOutput } from '../compute.ts';

/** The Open Inference Protocol's names of ONNX element types. */
const DATATYPES: Readonly<Record<string, string>> = {
  float32: 'FP32',
  float64: 'FP64',
  int64: 'INT64',
  int32: 'INT32',
  uint8: 'UINT8',
  bool: 'BOOL',
  string: 'BYTES',
};

/** What an ONNX file takes and gives; a named dimension is −1. */
export function signatureOf(
  info: Pick<ModelInfo, 'inputs' | 'outputs'>,
  optional: readonly string[],
): MessageInitShape<typeof ModelSignatureSchema> {
  const tensor = ({ name, type, shape }: ModelValue) => ({
    name,
    datatype: DATATYPES[type] ?? 'BYTES',
    shape: shape.map((size) => BigInt(typeof size === 'number' ? size : -1)),
  });
  return {
    inputs: info.inputs.map((value) => ({ ...tensor(value), optional: optional.includes(value.name) })),
    outputs: info.outputs.map(tensor),
  };
}

/** Curves for plots, in the contract's form; empty for regression. */
export function curvesOf({ roc, calibration }: Pick<TrainOutput, 'roc' | 'calibration'>): JsonObject {
  if (roc.length === 0) return {};
  return {
    roc: roc.map(({ falsePositiveRate, truePositiveRate }) => [falsePositiveRate, truePositiveRate]),
    calibration: calibration.map(({ meanProbability, observed, rows }) => ({
      mean: meanProbability,
      rate: observed,
      rows,
    })),
  };
}

/** Where the parts of a result are kept, and what the work knows besides its output. */
export interface ResultParts {
  readonly model: MessageInitShape<typeof BlobRefSchema>;
  readonly profile: MessageInitShape<typeof BlobRefSchema>;
  readonly signature: MessageInitShape<typeof ModelSignatureSchema>;
  readonly environment: Readonly<Record<string, string>>;
  readonly readSeconds: number;
}

/** The contract's form of what came out of a training. */
export function resultOf(output: TrainOutput, parts: ResultParts): MessageInitShape<typeof TrainingResultSchema> {
  const { parity } = output;
  return {
    model: parts.model,
    metrics: { ...output.metrics },
    intervals: Object.fromEntries(
      Object.entries(output.intervals).map(([name, { low, high }]) => [name, { lower: low, upper: high }]),
    ),
    folds: output.folds.map(({ trainRows, testRows, metrics }, i) => ({
      fold: i + 1,
      trainRows: BigInt(trainRows),
      testRows: BigInt(testRows),
      metrics: { ...metrics },
    })),
    parity: {
      rows: BigInt(parity.rows),
      maxAbs: parity.maxAbs,
      meanAbs: parity.meanAbs,
      labelFlips: BigInt(parity.labelFlips),
      tolerance: parity.tolerance,
    },
    trainRows: BigInt(output.trainRows),
    testRows: BigInt(output.testRows),
    importances: output.importances.map(({ feature, gain }) => ({ feature, gain })),
    curves: curvesOf(output),
    signature: parts.signature,
    environment: { ...parts.environment },
    profile: parts.profile,
    seconds: { read: parts.readSeconds, ...output.seconds },
  };
}
