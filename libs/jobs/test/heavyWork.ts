/** Functions for the tests of `runInWorker`. */
import { invalidArgument } from '@millrace/kernel';
import type { WorkerContext } from '../src/index.ts';

export async function sum(input: { values: Float64Array }, { progress }: WorkerContext<number>) {
  progress(0.5);
  const doubled = input.values.map((value) => value * 2);
  return { sum: doubled.reduce((a, b) => a + b, 0), doubled };
}

export async function refuse(): Promise<never> {
  throw invalidArgument('LABEL_MISSING', [{ field: 'label', description: 'There is no column "late".' }]);
}

export async function fail(): Promise<never> {
  throw new RangeError('out of luck');
}

export async function polite(_: unknown, { signal, progress }: WorkerContext<string>): Promise<void> {
  progress('started');
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
}

export async function spin(_: unknown, { progress }: WorkerContext<string>): Promise<void> {
  progress('started');
  for (;;) Math.random();
}

export async function hoardObjects(): Promise<number> {
  const kept: object[] = [];
  for (;;) kept.push({ some: [kept.length] });
}

export async function hoardBuffers(): Promise<number> {
  const kept: Float64Array[] = [];
  for (;;) kept.push(new Float64Array(131_072).fill(kept.length));
}

export async function exit(): Promise<void> {
  process.exit(7);
}
