import { expect, test } from '@jest/globals';
import { runInWorker } from './runInWorker.ts';

const MODULE = new URL('../../test/heavyWork.ts', import.meta.url);

test('calls the function with its input, hears its progress and gives its result', async () => {
  const heard: number[] = [];
  const values = new Float64Array([1, 2, 3.5]);
  const result = await runInWorker<{ sum: number; doubled: Float64Array }, { values: Float64Array }, number>(
    MODULE,
    'sum',
    { values },
    { onProgress: (value) => heard.push(value) },
  );
  expect(result.sum).toBe(13);
  expect([...result.doubled]).toEqual([2, 4, 7]);
  expect(heard).toEqual([0.5]);
  expect(values.length).toBe(3);
});

test('transferred input moves to the worker', async () => {
  const values = new Float64Array([1, 2]);
  const result = await runInWorker<{ sum: number }>(MODULE, 'sum', { values }, { transfer: [values.buffer] });
  expect(result.sum).toBe(6);
  expect(values.length).toBe(0);
});

test('an AppError arrives as an AppError, another error as one of its name', async () => {
  await expect(runInWorker(MODULE, 'refuse', {})).rejects.toMatchObject({
    name: 'AppError',
    code: 'INVALID_ARGUMENT',
    reason: 'LABEL_MISSING',
    violations: [{ field: 'label' }],
  });
  await expect(runInWorker(MODULE, 'fail', {})).rejects.toMatchObject({ name: 'RangeError', message: 'out of luck' });
  await expect(runInWorker(MODULE, 'nothing', {})).rejects.toMatchObject({ name: 'TypeError' });
});

test.each(['polite', 'spin'])('cancellation ends the worker (%s)', async (exportName) => {
  const abort = new AbortController();
  const reason = new Error('enough');
  const work = runInWorker(MODULE, exportName, {}, { signal: abort.signal, onProgress: () => abort.abort(reason) });
  await expect(work).rejects.toBe(reason);
  await expect(runInWorker(MODULE, exportName, {}, { signal: abort.signal })).rejects.toBe(reason);
});

test.each(['hoardObjects', 'hoardBuffers'])('a worker out of memory fails with a reason (%s)', async (exportName) => {
  await expect(runInWorker(MODULE, exportName, {}, { memoryMib: 64 })).rejects.toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'WORKER_OUT_OF_MEMORY',
    fields: { memoryMib: '64' },
  });
});

test('a worker that ends without an answer is an error', async () => {
  await expect(runInWorker(MODULE, 'exit', {})).rejects.toMatchObject({
    reason: 'WORKER_EXITED',
    fields: { code: '7' },
  });
});
