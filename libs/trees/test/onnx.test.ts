import { expect, test } from '@jest/globals';
import { createRng } from '@millrace/kernel';
import { createGraph, createOnnxSession } from '@millrace/onnx';
import type { TreeModel } from '../src/index.ts';
import { appendTreeEnsemble, predict, predictRaw, train } from '../src/index.ts';
import { makeSample } from './data.ts';

/** Raw scores and predictions of ONNX Runtime. */
async function runOnnx(model: TreeModel, columns: readonly Float32Array[], rows: number) {
  const graph = createGraph({ name: 'trees' });
  const x = graph.input('x', 'float32', ['N', columns.length]);
  for (const output of ['raw', 'prediction'] as const) {
    graph.node({ op: 'Identity', inputs: [appendTreeEnsemble(graph, x, model, { output })], outputs: [output] });
    graph.output(output, 'float32', ['N', 1]);
  }
  const session = await createOnnxSession(graph.build(), { threads: 2 });
  const values = new Float32Array(rows * columns.length);
  for (const [f, column] of columns.entries())
    for (let i = 0; i < rows; i++) values[i * columns.length + f] = column[i]!;
  const out = await session.run({ x: { type: 'float32', shape: [rows, columns.length], values } });
  await session.close();
  return { raw: out.raw!.values as Float32Array, prediction: out.prediction!.values as Float32Array };
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** Rows whose values lie on thresholds of the model, beside them, or at the ends of float32. */
function edgeRows(model: TreeModel, rows: number): Float32Array[] {
  const rng = createRng('edges');
  const bits = new Uint32Array(1);
  const asFloat = new Float32Array(bits.buffer);
  const neighbour = (x: number, step: number) => {
    asFloat[0] = x;
    bits[0] = bits[0]! + step;
    return asFloat[0]!;
  };
  const special = [Number.NaN, Infinity, -Infinity, 0, -0, 1.4e-45, -1.4e-45, 1e-40, 3.4028234e38, -3.4028234e38];
  return Array.from({ length: model.featureCount }, (_, f) => {
    const thresholds = [...model.threshold].filter((_, n) => model.feature[n] === f);
    return Float32Array.from({ length: rows }, () => {
      const t = thresholds[rng.nextInt(Math.max(1, thresholds.length))];
      if (t === undefined || rng.next() < 0.3) return special[rng.nextInt(special.length)]!;
      return [t, neighbour(t, 1), neighbour(t, -1)][rng.nextInt(3)]!;
    });
  });
}

test.each(['binary', 'l2'] as const)(
  'ONNX Runtime gives the raw scores of a %s model bit by bit',
  async (objective) => {
    const { columns, rows, binary, real } = makeSample(3, 20_000);
    columns[5] = columns[5]!.map((x, i) => (i % 50 === 0 ? [Infinity, -Infinity, 1e-44, -1e-44][(i / 50) % 4]! : x));
    const labels = objective === 'binary' ? binary : real;
    const model = await train({ columns, rows, labels, params: { objective, rounds: 60 }, seed: 1 });
    for (const [x, n] of [
      [columns, rows],
      [edgeRows(model, 5_000), 5_000],
    ] as const) {
      const { raw, prediction } = await runOnnx(model, x, n);
      expect(largestDifference(raw, predictRaw(model, x, n))).toBe(0);
      expect(largestDifference(prediction, predict(model, x, n))).toBeLessThanOrEqual(
        objective === 'binary' ? 1e-6 : 0,
      );
    }
  },
);

test('a single row through more than 80 trees, where ONNX Runtime adds up in parallel, agrees too', async () => {
  const { columns, rows, binary } = makeSample(4, 3_000);
  const model = await train({ columns, rows, labels: binary, params: { objective: 'binary' }, seed: 1 });
  for (let i = 0; i < 5; i++) {
    const row = columns.map((column) => column.slice(i, i + 1));
    expect((await runOnnx(model, row, 1)).raw[0]).toBe(predictRaw(model, row, 1)[0]);
  }
});

test('a model without trees predicts the base score', async () => {
  const columns = [new Float32Array(50).fill(1)];
  const labels = Float32Array.from({ length: 50 }, (_, i) => i % 5);
  const model = await train({ columns, rows: 50, labels, params: { objective: 'l2' }, seed: 1 });
  expect([...(await runOnnx(model, columns, 50)).raw]).toEqual(new Array(50).fill(2));
});
