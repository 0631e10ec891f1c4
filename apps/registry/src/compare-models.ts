import type { WorkerContext } from '@millrace/jobs';
import type { BootstrapMetric } from '@millrace/learning';
import { bootstrapDifference, bootstrapMetric } from '@millrace/learning';
import type { Column, OnnxSession } from '@millrace/onnx';
import { createOnnxSession } from '@millrace/onnx';
import type { Comparison } from './domain/gates.ts';

/** Rows of one run of a model. */
const BATCH_ROWS = 8192;

/** A column of the evaluation rows: numbers with NaN for missing, or texts as codes into levels, −1 for missing. */
export type EvaluationColumn =
  | { readonly kind: 'numeric'; readonly values: Float32Array }
  | { readonly kind: 'text'; readonly codes: Int32Array; readonly levels: readonly string[] };

/** What is compared. */
export interface CompareInput {
  /** Paths of the ONNX files. */
  readonly candidatePath: string;
  readonly incumbentPath: string;
  readonly columns: Readonly<Record<string, EvaluationColumn>>;
  readonly labels: Float64Array;
  readonly metric: BootstrapMetric;
  readonly seed: number;
}

/**
 * Predicts the same rows with both models and bootstraps the difference of the metric, paired by row. Runs in a worker
 * thread: both parts would block the event loop.
 */
export async function compareModels(input: CompareInput, context: WorkerContext<number>): Promise<Comparison> {
  const { columns, labels, metric, seed } = input;
  const candidate = await predict(input.candidatePath, columns, labels.length, context, 0);
  const incumbent = await predict(input.incumbentPath, columns, labels.length, context, 0.4);
  const found = bootstrapDifference(metric, labels, candidate, incumbent, { seed });
  const value = (predictions: Float64Array) =>
    bootstrapMetric(metric, labels, predictions, { seed, replicates: 2 }).value;
  context.progress(1);
  return {
    candidate: value(candidate),
    incumbent: value(incumbent),
    lower: found.low,
    upper: found.high,
    probability: found.confidenceBetter,
    rows: labels.length,
  };
}

async function predict(
  path: string,
  columns: CompareInput['columns'],
  rows: number,
  context: WorkerContext<number>,
  progressFrom: number,
): Promise<Float64Array> {
  const session = await createOnnxSession(path);
  try {
    const output = session.outputs.find(({ name }) => name === 'probability' || name === 'value')?.name ?? '';
    const predictions = new Float64Array(rows);
    for (let start = 0; start < rows; start += BATCH_ROWS) {
      context.signal.throwIfAborted();
      const end = Math.min(start + BATCH_ROWS, rows);
      const answers = await session.run(feedsOf(session, columns, start, end));
      predictions.set(answers[output]?.values as Float32Array, start);
      context.progress(progressFrom + (0.4 * end) / rows);
    }
    return predictions;
  } finally {
    await session.close();
  }
}

/** The rows from `start` to `end` as the tensors [N,1] that the model takes. */
function feedsOf(
  session: OnnxSession,
  columns: CompareInput['columns'],
  start: number,
  end: number,
): Record<string, Column> {
  return Object.fromEntries(
    session.inputs
      .filter(({ name }) => columns[name])
      .map(({ name }) => [name, tensorOf(columns[name] as EvaluationColumn, start, end)]),
  );
}

function tensorOf(column: EvaluationColumn, start: number, end: number): Column {
  const shape = [end - start, 1];
  if (column.kind === 'numeric') return { type: 'float32', shape, values: column.values.subarray(start, end) };
  const values = Array.from(column.codes.subarray(start, end), (code) => column.levels[code] ?? '');
  return { type: 'string', shape, values };
}
