import { createOnnxSession } from '@millrace/onnx';
import { edgeRows } from './edge-rows.ts';
import { throwIfCancelled } from './estimator.ts';
import { toFeeds } from './feeds.ts';
import type { Frame } from './frame.ts';
import { sliceRows } from './frame.ts';
import type { FittedPipeline } from './pipeline.ts';

/** How close ONNX Runtime comes to the trainer. */
export interface Parity {
  /** Rows compared, edge rows included. */
  readonly rows: number;
  /** How many of them are edge rows. */
  readonly edgeRows: number;
  /** Largest and mean difference: |Δ| for probabilities, |Δ| / max(1, |trainer's value|) for regression. */
  readonly maxAbs: number;
  readonly meanAbs: number;
  /** Rows whose label (probability above 0.5, the trainer's rounded to float32) differs; always 0 for regression. */
  readonly labelFlips: number;
  readonly tolerance: number;
  /** Whether maxAbs is within the tolerance; a NaN on one side only counts as an infinite difference. */
  readonly ok: boolean;
}

/** Bounds of a comparison. */
export interface ParityOptions {
  /** Largest difference allowed; 1e-6 when left out. */
  readonly tolerance?: number;
  /** Rows in one run of ONNX Runtime; 8,192 when left out. */
  readonly batchRows?: number;
  readonly signal?: AbortSignal;
  /** The trainer's own predictions for the rows of `frame`, when they are known already. */
  readonly predictions?: Float64Array;
}

/**
 * The parity gate: runs the ONNX file in ONNX Runtime over all rows of `frame` and over the rows of {@link edgeRows},
 * and compares with the trainer's own predictions. Throws INVALID_ARGUMENT `ONNX_MODEL_INVALID` when it does not load.
 */
export async function checkParity(
  fitted: FittedPipeline,
  onnxBytes: Uint8Array,
  frame: Frame,
  options: ParityOptions = {},
): Promise<Parity> {
  const tolerance = options.tolerance ?? 1e-6;
  const session = await createOnnxSession(onnxBytes);
  const total = { rows: 0, maxAbs: 0, sum: 0, labelFlips: 0 };
  const edges = edgeRows(fitted, frame);
  try {
    for (const [part, known] of [
      [frame, options.predictions],
      [edges, undefined],
    ] as const) {
      let at = 0;
      for (const batch of batches(part, options.batchRows ?? 8192)) {
        throwIfCancelled(options.signal);
        const outputs = await session.run(toFeeds(fitted.columns, batch));
        const expected = known?.subarray(at, at + batch.rows) ?? fitted.predict(batch);
        compare(fitted.task === 'binary', expected, outputs, total);
        at += batch.rows;
      }
    }
  } finally {
    await session.close();
  }
  return {
    rows: total.rows,
    edgeRows: edges.rows,
    maxAbs: total.maxAbs,
    meanAbs: total.rows === 0 ? 0 : total.sum / total.rows,
    labelFlips: total.labelFlips,
    tolerance,
    ok: total.maxAbs <= tolerance,
  };
}

function* batches(frame: Frame, size: number): Generator<Frame> {
  for (let start = 0; start < frame.rows; start += size) {
    yield sliceRows(frame, start, Math.min(frame.rows, start + size));
  }
}

function compare(
  binary: boolean,
  expected: Float64Array,
  outputs: Readonly<Record<string, { readonly values: unknown }>>,
  total: { rows: number; maxAbs: number; sum: number; labelFlips: number },
): void {
  const actual = outputs[binary ? 'probability' : 'value']!.values as Float32Array;
  const labels = outputs.label?.values as BigInt64Array | undefined;
  total.rows += expected.length;
  for (let i = 0; i < expected.length; i++) {
    const difference = distance(expected[i]!, actual[i]!, binary);
    total.sum += difference;
    if (difference > total.maxAbs) total.maxAbs = difference;
    if (labels && labels[i] !== (Math.fround(expected[i]!) > 0.5 ? 1n : 0n)) total.labelFlips++;
  }
}

function distance(expected: number, actual: number, binary: boolean): number {
  if (Object.is(expected, actual) || Math.fround(expected) === actual) return 0;
  const difference = Math.abs(expected - actual) / (binary ? 1 : Math.max(1, Math.abs(expected)));
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}
