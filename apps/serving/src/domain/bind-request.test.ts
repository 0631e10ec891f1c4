import { expect, test } from '@jest/globals';
import type { InferInput, InferRequest } from '../codec/messages.ts';
import { bindRequest } from './bind-request.ts';
import { datatypeNamed } from './datatypes.ts';
import { createModelPlan } from './model-plan.ts';
import { microsOf } from './parse-times.ts';
import { contentsFromValues, rawFromValues, valuesFromContents, valuesFromRaw } from './tensor-values.ts';

const fp32 = datatypeNamed('FP32')!;
const plan = createModelPlan(
  [
    { name: 'distance', type: fp32, inner: [1], width: 1 },
    { name: 'origin', type: datatypeNamed('BYTES')!, inner: [1], width: 1 },
    { name: 'origin__rate', type: fp32, inner: [1], width: 1 },
  ],
  [{ name: 'probability', type: fp32, shape: [-1, 1] }],
  {
    service: 's',
    eventTimeColumn: 'date',
    columns: [
      { name: 'date', type: 'TIMESTAMP' },
      { name: 'distance', type: 'INT32' },
      { name: 'origin', type: 'STRING' },
    ],
  },
);

function input(
  name: string,
  datatype: string,
  shape: number[],
  contents: InferInput['contents'] = undefined,
): InferInput {
  return { name, datatype, shape, parameters: undefined, contents };
}

function request(inputs: InferInput[], more: Partial<InferRequest> = {}): InferRequest {
  return {
    modelName: 'm',
    modelVersion: '',
    id: '',
    parameters: undefined,
    inputs,
    outputs: [],
    rawInputs: [],
    ...more,
  };
}

const origin = (n: number) => input('origin', 'BYTES', [n, 1], { bytes: Array(n).fill(Buffer.from('JFK')) });
const distance = (n: number) => input('distance', 'INT32', [n, 1], { int: new Int32Array(n).fill(7) });

function violations(bad: InferRequest): string[] {
  try {
    bindRequest(plan, bad, 100);
  } catch (error) {
    const { code, violations: found } = error as { code: string; violations: { field: string; reason: string }[] };
    expect(code).toBe('INVALID_ARGUMENT');
    return found.map(({ field, reason }) => `${field} ${reason}`);
  }
  return [];
}

test('request columns are looked up, with their event times in microseconds', () => {
  const date = input('date', 'BYTES', [2], {
    bytes: ['2001-04-01T00:00:00Z', '2001-04-01T02:00:00.25+02:00'].map((text) => Buffer.from(text)),
  });
  const bound = bindRequest(plan, request([distance(2), origin(2), date]), 100);
  expect(bound.columns[0]).toEqual(Float32Array.of(7, 7));
  expect(bound.columns[2]).toBeUndefined();
  expect([...bound.eventTimes!]).toEqual([986_083_200_000_000n, 986_083_200_250_000n]);
  expect([...bound.lookup!.keys()]).toEqual(['distance', 'origin', 'date']);
});

test('all violations come at once', () => {
  const bad = request(
    [
      input('distance', 'FP16', [2, 1], {}),
      input('origin', 'FP32', [2, 1], { fp32: Float32Array.of(1, 2) }),
      input('nobody', 'FP32', [2, 1], {}),
      input('origin__rate', 'FP32', [2, 3], {}),
      input('origin__rate', 'FP32', [3, 1], {}),
      input('date', 'BYTES', [2, 1], { bytes: [Buffer.from('yesterday'), Buffer.from('')] }),
    ],
    { outputs: [{ name: 'odds', parameters: undefined }] },
  );
  expect(violations(bad)).toEqual([
    'inputs.distance WRONG_DATATYPE',
    'inputs.origin WRONG_CONTENTS',
    'inputs.nobody UNKNOWN_INPUT',
    'inputs.origin__rate WRONG_SHAPE',
    'inputs.origin__rate ROWS_DIFFER',
    'inputs.date WRONG_CONTENTS',
    'outputs.odds UNKNOWN_OUTPUT',
  ]);
});

test.each<[string, InferRequest, string[]]>([
  ['nothing', request([]), ['inputs NO_INPUTS', 'inputs.distance MISSING_INPUT', 'inputs.origin MISSING_INPUT']],
  [
    'too many rows',
    request([distance(101), origin(101)]),
    ['inputs.distance TOO_MANY_ROWS', 'inputs.origin MISSING_INPUT'],
  ],
  ['a missing column', request([distance(1)]), ['inputs.origin MISSING_INPUT']],
  ['one twice', request([distance(1), origin(1), distance(1)]), ['inputs.distance DUPLICATE_INPUT']],
  [
    'fewer raw tensors',
    request([distance(1), origin(1)], { rawInputs: [new Uint8Array(4)] }),
    ['raw_input_contents RAW_CONTENTS_COUNT'],
  ],
  ['too few values', request([{ ...distance(2), shape: [3, 1] }, origin(3)]), ['inputs.distance WRONG_CONTENTS']],
  ['a size beyond all bounds', request([{ ...distance(2), shape: [2 ** 53, 1] }]), ['inputs.distance WRONG_SHAPE']],
  ['a negative size', request([{ ...distance(2), shape: [-1, 1] }]), ['inputs.distance WRONG_SHAPE']],
])('refused: %s', (_, bad, wanted) => {
  const found = violations(bad);
  for (const violation of wanted.slice(0, 1)) expect(found).toContain(violation);
  expect(found.length).toBeGreaterThan(0);
});

test('every datatype goes through raw and typed contents, also unaligned', () => {
  const cases = {
    FP32: Float32Array.of(1.5, Number.NaN, -3),
    FP64: Float64Array.of(1.25, Number.POSITIVE_INFINITY, -3),
    INT8: Int8Array.of(-128, 0, 127),
    INT16: Int16Array.of(-32_768, 0, 32_767),
    INT32: Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1),
    INT64: BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 63n - 1n),
    UINT8: Uint8Array.of(0, 1, 255),
    UINT16: Uint16Array.of(0, 1, 65_535),
    UINT32: Uint32Array.of(0, 1, 2 ** 32 - 1),
    UINT64: BigUint64Array.of(0n, 1n, 2n ** 64n - 1n),
    BOOL: Uint8Array.of(0, 1, 1),
    BYTES: ['', 'é', 'plain'],
  };
  for (const [name, values] of Object.entries(cases)) {
    const type = datatypeNamed(name)!;
    const raw = rawFromValues(values);
    for (const offset of [0, 1, 3]) {
      const buffer = Buffer.alloc(raw.length + 8);
      buffer.set(raw, offset);
      expect(valuesFromRaw(type, buffer.subarray(offset, offset + raw.length), 3)).toEqual(values);
    }
    expect(valuesFromContents(type, contentsFromValues(type, values), 3)).toEqual(values);
    expect(() => valuesFromRaw(type, raw.subarray(1), 3)).toThrow();
    expect(() => valuesFromRaw(type, raw, 2)).toThrow();
  }
  expect(() => valuesFromContents(datatypeNamed('INT8')!, { int: Int32Array.of(300) }, 1)).toThrow(/300/);
  expect(() => valuesFromContents(fp32, { int: Int32Array.of(3) }, 1)).toThrow(/fp32_contents/);
  expect(() => valuesFromRaw(datatypeNamed('BYTES')!, Uint8Array.of(1, 0, 0, 0, 0xff), 1)).toThrow(/UTF-8/);
  expect(() => valuesFromRaw(datatypeNamed('BYTES')!, Uint8Array.of(255, 255, 255, 255, 1), 1)).toThrow(/ends within/);
});

test('times are read as RFC 3339 says', () => {
  expect(microsOf('1970-01-01')).toBe(0n);
  expect(microsOf('1969-12-31T23:59:59.999999Z')).toBe(-1n);
  expect(microsOf('2001-04-01 10:30')).toBe(986_121_000_000_000n);
  expect(() => microsOf('2001-13-01')).toThrow();
});
