import { availableParallelism } from 'node:os';
import { z } from 'zod';

/** What the training service can be told. */
export const trainingConfigSchema = z.strictObject({
  concurrency: z.int().min(1).max(64).default(1).describe('Training jobs at a time in this process'),
  threadsMax: z
    .int()
    .min(1)
    .max(32)
    .default(Math.min(availableParallelism(), 32))
    .describe('Threads of one training job, at most'),
  workerMemoryMib: z
    .int()
    .min(128)
    .default(1024)
    .describe("Memory of one training job's worker thread in MiB: the raw columns and what is made of them"),
  rowsMax: z.int().min(1).default(50_000_000).describe('Rows of a training set, at most'),
  leaseMs: z
    .int()
    .min(300)
    .default(15_000)
    .describe('How long a worker may be silent before another one takes its training job, in milliseconds'),
});

/** The training service's configuration. */
export type TrainingConfig = z.infer<typeof trainingConfigSchema>;
