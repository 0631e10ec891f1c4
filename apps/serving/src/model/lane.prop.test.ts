import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { AppError } from '@millrace/kernel';
import fc from 'fast-check';
import type { TensorValues } from '../domain/datatypes.ts';
import { datatypeNamed } from '../domain/datatypes.ts';
import { Lane } from './lane.ts';

const inputs = [
  { name: 'x', type: datatypeNamed('FP32')!, inner: [2], width: 2 },
  { name: 's', type: datatypeNamed('BYTES')!, inner: [1], width: 1 },
];
const never = new AbortController().signal;
const FAR_MS = Number.MAX_SAFE_INTEGER;

/** A session that answers each row with the sum of its numbers and its text; it reads its inputs late, as ORT does. */
function echo(batches: number[] = []) {
  return async (columns: readonly TensorValues[], rows: number): Promise<TensorValues[]> => {
    batches.push(rows);
    await nextTurn();
    const x = columns[0] as Float32Array;
    const sums = Float32Array.from({ length: rows }, (_, i) => x[2 * i]! + x[2 * i + 1]!);
    return [sums, (columns[1] as string[]).slice()];
  };
}

test('callers that share a batch get their own rows, whatever the sizes and arrival', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ rows: fc.integer({ min: 1, max: 9 }), turns: fc.nat(2) }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 16 }),
      async (callers, batchRowsMax) => {
        const batches: number[] = [];
        const lane = new Lane({ inputs, batchRowsMax, run: echo(batches) });
        const answers = await Promise.all(
          callers.map(async ({ rows, turns }, caller) => {
            for (let i = 0; i < turns; i++) await nextTurn();
            const x = Float32Array.from({ length: rows * 2 }, (_, i) => (i % 2 === 0 ? caller * 100 : i >> 1));
            const s = Array.from({ length: rows }, (_, i) => `${caller}/${i}`);
            return lane.submit({ columns: [x, s], rows, signal: never, deadlineMs: FAR_MS });
          }),
        );
        for (const [caller, { rows }] of callers.entries()) {
          const [sums, texts] = answers[caller]!;
          expect([...(sums as Float32Array)]).toEqual(Array.from({ length: rows }, (_, i) => caller * 100 + i));
          expect(texts).toEqual(Array.from({ length: rows }, (_, i) => `${caller}/${i}`));
        }
        const largest = Math.max(batchRowsMax, ...callers.map(({ rows }) => rows));
        expect(Math.max(...batches)).toBeLessThanOrEqual(largest);
        expect(batches.reduce((a, b) => a + b)).toBe(callers.reduce((sum, { rows }) => sum + rows, 0));
      },
    ),
    { numRuns: 100 },
  );
});

test('requests of one turn are one run', async () => {
  const batches: number[] = [];
  const lane = new Lane({ inputs, batchRowsMax: 64, run: echo(batches) });
  const job = { columns: [new Float32Array(2), ['']], rows: 1, signal: never, deadlineMs: FAR_MS };
  await Promise.all(Array.from({ length: 20 }, () => lane.submit(job)));
  expect(batches).toEqual([20]);
});

test('cancelled and late requests are never computed; the others are', async () => {
  const batches: number[] = [];
  const lane = new Lane({ inputs, batchRowsMax: 64, run: echo(batches) });
  const controller = new AbortController();
  const job = { columns: [new Float32Array(2), ['']], rows: 1, signal: never, deadlineMs: FAR_MS };
  const results = Promise.allSettled([
    lane.submit({ ...job, signal: controller.signal }),
    lane.submit({ ...job, deadlineMs: Date.now() - 1 }),
    lane.submit(job),
  ]);
  controller.abort(new AppError('CANCELLED', 'gone', { reason: 'CANCELLED' }));
  const [cancelled, late, good] = await results;
  expect(cancelled).toMatchObject({ status: 'rejected', reason: { reason: 'CANCELLED' } });
  expect(late).toMatchObject({ status: 'rejected', reason: { reason: 'DEADLINE_EXCEEDED' } });
  expect(good.status).toBe('fulfilled');
  expect(batches).toEqual([1]);
});

test('a failed run fails its requests and the lane goes on', async () => {
  let runs = 0;
  const run = echo();
  const lane = new Lane({
    inputs,
    batchRowsMax: 64,
    run: (columns, rows) => (runs++ === 0 ? Promise.reject(new Error('broken')) : run(columns, rows)),
  });
  const job = { columns: [new Float32Array(2), ['a']], rows: 1, signal: never, deadlineMs: FAR_MS };
  await expect(lane.submit(job)).rejects.toThrow('broken');
  expect((await lane.submit(job))[1]).toEqual(['a']);
});
