import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import type { InferParameter, InferTensorContents } from '@millrace/contracts/inference/inference';
import {
  InferParameterSchema,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
} from '@millrace/contracts/inference/inference';
import fc from 'fast-check';
import type { InferResponse, ParameterValue, TensorContents } from './messages.ts';
import { readInferRequest } from './read-request.ts';
import { writeInferResponse } from './write-response.ts';

const name = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 20 }));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const bytes = fc.uint8Array({ maxLength: 300 });
const few = <T>(arb: fc.Arbitrary<T>) => fc.array(arb, { maxLength: 5 });

const parameterChoice = fc.oneof(
  fc.constant({ case: undefined, value: undefined }),
  fc.record({ case: fc.constant('boolParam' as const), value: fc.boolean() }),
  fc.record({ case: fc.constant('int64Param' as const), value: int64 }),
  fc.record({ case: fc.constant('stringParam' as const), value: name }),
  fc.record({ case: fc.constant('doubleParam' as const), value: fc.double() }),
  fc.record({ case: fc.constant('uint64Param' as const), value: uint64 }),
);
// Object.fromEntries and not fc.dictionary: protobuf-es cannot hold the key "__proto__" either.
const parameters = few(fc.tuple(name, parameterChoice)).map((entries) =>
  Object.fromEntries(entries.filter(([key]) => key !== '__proto__').map(([key, p]) => [key, { parameterChoice: p }])),
);
const contents = fc.option(
  fc.record({
    boolContents: few(fc.boolean()),
    intContents: few(int32),
    int64Contents: few(int64),
    uintContents: few(uint32),
    uint64Contents: few(uint64),
    fp32Contents: few(fc.float()),
    fp64Contents: few(fc.double()),
    bytesContents: few(bytes),
  }),
  { nil: undefined },
);
const tensor = fc.record({ name, datatype: name, shape: few(int64), parameters, contents });

const request = fc.record({
  modelName: name,
  modelVersion: name,
  id: name,
  parameters,
  inputs: few(tensor),
  outputs: few(fc.record({ name, parameters })),
  rawInputContents: few(bytes),
});

type WithOptionalContents<T> = { [K in keyof T]: Exclude<T[K], undefined> };
const definedOf = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as WithOptionalContents<T>;

test('a random request is read as protobuf-es reads it', () => {
  fc.assert(
    fc.property(request, (init) => {
      const message = create(ModelInferRequestSchema, { ...init, inputs: init.inputs.map(definedOf) });
      const wire = toBinary(ModelInferRequestSchema, message);
      const theirs = fromBinary(ModelInferRequestSchema, wire);
      const ours = readInferRequest(wire);
      expect(ours.modelName).toBe(theirs.modelName);
      expect(ours.modelVersion).toBe(theirs.modelVersion);
      expect(ours.id).toBe(theirs.id);
      expect(parametersOf(ours.parameters)).toEqual(theirs.parameters);
      expect(ours.rawInputs).toEqual(theirs.rawInputContents);
      expect(ours.outputs.map((o) => [o.name, parametersOf(o.parameters)])).toEqual(
        theirs.outputs.map((o) => [o.name, o.parameters]),
      );
      expect(ours.inputs).toHaveLength(theirs.inputs.length);
      for (const [i, input] of ours.inputs.entries()) {
        const their = theirs.inputs[i]!;
        expect([input.name, input.datatype]).toEqual([their.name, their.datatype]);
        expect(input.shape).toEqual(their.shape.map(Number));
        expect(parametersOf(input.parameters)).toEqual(their.parameters);
        expect(input.contents && plain(input.contents)).toEqual(their.contents && theirContents(their.contents));
      }
    }),
    { numRuns: 150 },
  );
});

test('unpacked, split and repeated fields merge, unknown ones are skipped', () => {
  // inputs { contents { fp32 1.5 (unpacked), fp32 [2.5] (packed), unknown group } } inputs' contents again: fp32 3.5
  const float = (value: number) => [...new Uint8Array(Float32Array.of(value).buffer)];
  const first = [0x35, ...float(1.5), 0x32, 4, ...float(2.5), 0x7b, 0x08, 1, 0x7c];
  const second = [0x35, ...float(3.5)];
  const input = [0x2a, first.length, ...first, 0x2a, second.length, ...second, 0x18, 3, 0x1a, 2, 4, 5];
  const wire = Uint8Array.from([0x2a, input.length, ...input, 0xa2, 0x06, 1, 0]);
  const theirs = fromBinary(ModelInferRequestSchema, wire).inputs[0]!;
  const ours = readInferRequest(wire).inputs[0]!;
  expect([...ours.contents!.fp32!]).toEqual(theirs.contents?.fp32Contents);
  expect(ours.shape).toEqual(theirs.shape.map(Number));
  expect([...ours.contents!.fp32!]).toEqual([1.5, 2.5, 3.5]);
});

test('what protobuf-es reads of mutated bytes we read or refuse, and nothing else is thrown', () => {
  let read = 0;
  fc.assert(
    fc.property(request, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), (init, edits, cut) => {
      const message = create(ModelInferRequestSchema, { ...init, inputs: init.inputs.map(definedOf) });
      const wire = toBinary(ModelInferRequestSchema, message);
      for (const [at, value] of edits) if (wire.length > 0) wire[at % wire.length] = value;
      const bytesRead = cut % 3 === 0 ? wire.subarray(0, cut % (wire.length + 1)) : wire;
      try {
        readInferRequest(bytesRead);
      } catch (error) {
        const isOurs = ['RangeError', 'TypeError'].includes((error as Error).name); // realms differ under Jest
        if (!isOurs) throw error;
        return;
      }
      fromBinary(ModelInferRequestSchema, bytesRead); // what we take, they take
      read++;
    }),
    { numRuns: 600 },
  );
  expect(read).toBeGreaterThan(100);
});

test('a random response is written as protobuf-es reads it', () => {
  const response = fc.record({
    modelName: name,
    modelVersion: name,
    id: name,
    parameters,
    outputs: few(tensor),
    rawOutputContents: few(bytes),
  });
  fc.assert(
    fc.property(response, (init) => {
      const wanted = create(ModelInferResponseSchema, { ...init, outputs: init.outputs.map(definedOf) });
      const ours: InferResponse = {
        modelName: init.modelName,
        modelVersion: init.modelVersion,
        id: init.id,
        parameters: mapOf(init.parameters as never),
        outputs: init.outputs.map((output) => ({
          name: output.name,
          datatype: output.datatype,
          shape: output.shape.map(Number),
          parameters: mapOf(output.parameters as never),
          ...(output.contents && { contents: typedContents(output.contents) }),
        })),
        rawOutputs: init.rawOutputContents,
      };
      const shapesAsNumbers = wanted.outputs.every(({ shape }) => shape.every((s) => BigInt(Number(s)) === s));
      fc.pre(shapesAsNumbers);
      const back = fromBinary(ModelInferResponseSchema, writeInferResponse(ours));
      expect(back).toEqual(fromBinary(ModelInferResponseSchema, toBinary(ModelInferResponseSchema, wanted)));
    }),
    { numRuns: 150 },
  );
});

/** Our parameters in protobuf-es' form. */
function parametersOf(ours: ReadonlyMap<string, ParameterValue> | undefined): Record<string, InferParameter> {
  return Object.fromEntries(
    [...(ours ?? [])].map(([key, p]) => [
      key,
      create(InferParameterSchema, p && { parameterChoice: { case: `${p.kind}Param`, value: p.value } as never }),
    ]),
  );
}

function mapOf(theirs: Record<string, InferParameter>): Map<string, ParameterValue> {
  return new Map(
    Object.entries(theirs).map(
      ([
        key,
        {
          parameterChoice: { case: kind, value },
        },
      ]) => [key, kind && ({ kind: kind.replace('Param', ''), value } as ParameterValue)],
    ),
  );
}

const MEMBERS = ['bool', 'int', 'int64', 'uint', 'uint64', 'fp32', 'fp64', 'bytes'] as const;

function plain(ours: TensorContents): Record<string, unknown[]> {
  return Object.fromEntries(
    MEMBERS.map((member) => [
      member,
      member === 'bool' ? [...(ours.bool ?? [])].map(Boolean) : [...(ours[member] ?? [])],
    ]),
  );
}

function theirContents(theirs: InferTensorContents): Record<string, unknown[]> {
  return Object.fromEntries(MEMBERS.map((member) => [member, theirs[`${member}Contents`]]));
}

function typedContents(init: Record<string, unknown[]>): TensorContents {
  return {
    bool: Uint8Array.from(init.boolContents as number[], Number),
    int: Int32Array.from(init.intContents as number[]),
    int64: BigInt64Array.from(init.int64Contents as bigint[]),
    uint: Uint32Array.from(init.uintContents as number[]),
    uint64: BigUint64Array.from(init.uint64Contents as bigint[]),
    fp32: Float32Array.from(init.fp32Contents as number[]),
    fp64: Float64Array.from(init.fp64Contents as number[]),
    bytes: init.bytesContents as Uint8Array[],
  };
}
