import { expect, test } from '@jest/globals';
import { createGraph, createOnnxSession, ML_DOMAIN, readModel } from './index.ts';

/** `y = a * 2 + (b is 'x' ? 1 : 0)` */
function sample(metadata: Record<string, string> = { b: '2', a: '1' }) {
  const graph = createGraph({ name: 'sample' });
  const a = graph.input('a', 'float32', ['N', 1]);
  const b = graph.input('b', 'string', ['N', 1]);
  const two = graph.constant({ type: 'float32', shape: [1], values: [2] });
  const [doubled] = graph.node({ op: 'Mul', inputs: [a, two] });
  const [flag] = graph.node({
    op: 'OneHotEncoder',
    domain: ML_DOMAIN,
    inputs: [b],
    attributes: { zeros: { int: 1 }, cats_strings: { strings: ['x'] } },
  });
  const shape = graph.constant({ type: 'int64', shape: [2], values: [-1, 1] });
  const [column] = graph.node({ op: 'Reshape', inputs: [flag as string, shape] });
  graph.node({ op: 'Add', inputs: [doubled as string, column as string], outputs: ['y'] });
  graph.output('y', 'float32', ['N', 1]);
  return graph.build({ metadata });
}

const input = {
  a: { type: 'float32' as const, shape: [3, 1], values: Float32Array.of(1, Number.NaN, 3) },
  b: { type: 'string' as const, shape: [3, 1], values: ['x', '', 'é'] },
};

test('a built graph runs', async () => {
  const session = await createOnnxSession(sample());
  const { y } = await session.run(input);
  expect(y!.type).toBe('float32');
  expect(y!.shape).toEqual([3, 1]);
  expect(Array.from(y!.values as Float32Array)).toEqual([3, Number.NaN, 6]);
  await session.close();
});

test('the same graph gives the same bytes, whatever the order of the metadata', () => {
  expect(sample()).toEqual(sample({ a: '1', b: '2' }));
});

test('reads back what it wrote', () => {
  const model = readModel(sample());
  expect(model.inputs).toEqual([
    { name: 'a', type: 'float32', shape: ['N', 1] },
    { name: 'b', type: 'string', shape: ['N', 1] },
  ]);
  expect(model.outputs).toEqual([{ name: 'y', type: 'float32', shape: ['N', 1] }]);
  expect(model.metadata).toEqual({ a: '1', b: '2' });
  expect(model.opsets).toEqual({ '': 21, 'ai.onnx.ml': 3 });
  expect(model.operators['ai.onnx.ml:OneHotEncoder']).toBe(1);
});

test('every wrong input is reported at once', async () => {
  const session = await createOnnxSession(sample());
  const wrong = {
    a: { type: 'float64' as const, shape: [1, 1], values: Float64Array.of(1) },
    b: { type: 'string' as const, shape: [2], values: ['x', 'y'] },
    c: input.a,
  };
  await expect(session.run(wrong)).rejects.toMatchObject({
    reason: 'MODEL_INPUT_INVALID',
    violations: [
      { field: 'a', reason: 'WRONG_TYPE' },
      { field: 'b', reason: 'WRONG_SHAPE' },
      { field: 'c', reason: 'UNKNOWN_INPUT' },
    ],
  });
  await expect(session.run({ ...input, b: { ...input.b, shape: [2, 1], values: ['x', 'y'] } })).rejects.toMatchObject({
    violations: [{ field: 'b', reason: 'WRONG_SHAPE' }],
  });
  await session.close();
});

test.each([[new Uint8Array([1, 2, 3])], [new Uint8Array(0)]])('bytes that are no model are refused', async (bytes) => {
  expect(() => readModel(bytes)).toThrow(expect.objectContaining({ reason: 'ONNX_MODEL_INVALID' }));
  await expect(createOnnxSession(bytes)).rejects.toMatchObject({ reason: 'ONNX_MODEL_INVALID' });
});

test('a name used twice and an input nobody makes are bugs of the caller', () => {
  const graph = createGraph({ name: 'g' });
  graph.input('a', 'float32', [1]);
  expect(() => graph.input('a', 'float32', [1])).toThrow('Invariant broken');
  expect(() => graph.node({ op: 'Neg', inputs: ['nobody'] })).toThrow('Invariant broken');
});
