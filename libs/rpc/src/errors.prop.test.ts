import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { StatusSchema } from '@millrace/contracts/google/rpc/status';
import type { ErrorCode } from '@millrace/kernel';
import { AppError } from '@millrace/kernel';
import fc from 'fast-check';
import { appErrorFromStatus, statusFromAppError } from './errors.ts';

/** The numbers of https://grpc.io/docs/guides/status-codes/, but for OK (0) and UNKNOWN (2). */
const NUMBERS: Readonly<Record<ErrorCode, number>> = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
};

const text = fc.string({ unit: 'grapheme', maxLength: 100 });
const violation = fc.record({ field: text, description: text, reason: fc.constantFrom('A', 'B_C') });

test('an error survives its status, whatever it says', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...(Object.keys(NUMBERS) as ErrorCode[])),
      text,
      fc.dictionary(text, text, { maxKeys: 5, noNullPrototype: true }),
      fc.array(violation, { maxLength: 5 }),
      fc.option(fc.integer({ min: 0, max: 1e9 }), { nil: undefined }),
      (code, message, fields, violations, retryAfterMs) => {
        const options = {
          reason: 'SOME_REASON',
          fields,
          violations,
          ...(retryAfterMs !== undefined && { retryAfterMs }),
        };
        const status = statusFromAppError(new AppError(code, message, options));
        expect(status.code).toBe(NUMBERS[code]);
        const got = appErrorFromStatus(fromBinary(StatusSchema, toBinary(StatusSchema, status)));
        expect({ ...got, message: got.message }).toEqual({
          name: 'AppError',
          code,
          message,
          retryAfterMs: undefined,
          ...options,
        });
      },
    ),
    { numRuns: 200 },
  );
});
