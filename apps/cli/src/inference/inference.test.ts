import { create } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { ModelInferResponseSchema } from '@millrace/contracts/inference/inference';
import { columnsFromJson, columnsFromPairs } from './given-rows.ts';
import { inputTensor, outputValues } from './tensors.ts';

test('pairs and JSON give columns', () => {
  expect([
    ...columnsFromPairs([
      ['distance', '500,700'],
      ['origin', 'ATL,JFK'],
    ]),
  ]).toEqual([
    ['distance', ['500', '700']],
    ['origin', ['ATL', 'JFK']],
  ]);
  expect([...columnsFromJson('[{"a": 1, "b": null}, {"a": 2, "b": "x"}]', 'f.json')]).toEqual([
    ['a', [1, 2]],
    ['b', [null, 'x']],
  ]);
  expect([...columnsFromJson('{"a": true}', 'f.json')]).toEqual([['a', [true]]]);
});

test.each([
  ['[]', 'f.json'],
  ['[1]', 'f.json[0]'],
  ['{', 'f.json'],
  ['[{"a": 1}, {}]', 'f.json[1].a'],
  ['[{"a": 1}, {"a": 1, "b": 2}]', 'f.json[1].b'],
  ['[{"a": [1]}]', 'f.json[0].a'],
])('%s is refused, naming %s', (text, field) => {
  expect(() => columnsFromJson(text, 'f.json')).toThrow(
    expect.objectContaining({ reason: 'INPUT_ROWS', violations: [expect.objectContaining({ field })] }),
  );
});

test('inputs of different lengths, and the same one twice, are refused', () => {
  expect(() =>
    columnsFromPairs([
      ['a', '1,2'],
      ['b', '1'],
    ]),
  ).toThrow('a has 2, b has 1');
  expect(() =>
    columnsFromPairs([
      ['a', '1'],
      ['a', '2'],
    ]),
  ).toThrow('given twice');
});

test.each([
  ['FP32', ['1.5', null], { fp32Contents: [1.5, Number.NaN] }],
  ['FP64', [2], { fp64Contents: [2] }],
  ['INT64', ['9007199254740993'], { int64Contents: [9007199254740993n] }],
  ['INT32', ['-3'], { intContents: [-3] }],
  ['UINT8', ['3'], { uintContents: [3] }],
  ['BOOL', ['true', false], { boolContents: [true, false] }],
  ['BYTES', ['é'], { bytesContents: [new Uint8Array([0xc3, 0xa9])] }],
])('a tensor of %s', (datatype, values, contents) => {
  expect(inputTensor({ name: 'x', datatype }, values)).toEqual({
    name: 'x',
    datatype,
    shape: [BigInt(values.length)],
    contents,
  });
});

test('times are sent as text', () => {
  expect(inputTensor({ name: 'date', datatype: 'INT64' }, ['2001-04-01T09:30:00Z'])).toMatchObject({
    datatype: 'BYTES',
  });
});

test.each([
  ['FP32', 'abc'],
  ['INT64', '1.5'],
  ['BOOL', 'yes'],
])('%s does not take %s', (datatype, value) => {
  expect(() => inputTensor({ name: 'x', datatype }, [value])).toThrow(
    expect.objectContaining({ reason: 'INPUT_INVALID', violations: [expect.objectContaining({ field: '--input x' })] }),
  );
});

test('answers are read in typed and in raw form', () => {
  const typed = create(ModelInferResponseSchema, {
    outputs: [
      { name: 'p', datatype: 'FP64', contents: { fp64Contents: [0.25] } },
      { name: 'n', datatype: 'INT64', contents: { int64Contents: [9007199254740993n, 5n] } },
    ],
  });
  expect(outputValues(typed)).toEqual({ p: [0.25], n: ['9007199254740993', 5] });
  const raw = create(ModelInferResponseSchema, {
    outputs: [
      { name: 'p', datatype: 'FP32' },
      { name: 't', datatype: 'BYTES' },
      { name: 'b', datatype: 'BOOL' },
    ],
    rawOutputContents: [
      new Uint8Array(new Float32Array([0.5, -1]).buffer),
      new Uint8Array([2, 0, 0, 0, 111, 107, 0, 0, 0, 0]),
      new Uint8Array([1, 0]),
    ],
  });
  expect(outputValues(raw)).toEqual({ p: [0.5, -1], t: ['ok', ''], b: [true, false] });
});
