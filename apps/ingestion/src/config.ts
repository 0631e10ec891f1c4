import { z } from 'zod';

/** What the ingestion service can be told. */
export const ingestionConfigSchema = z.strictObject({
  loadsMax: z.int().min(1).max(16).default(2).describe('Loads at a time in this process; more wait'),
  leaseMs: z
    .int()
    .min(300)
    .default(15_000)
    .describe('Silence after which another worker takes a load, in milliseconds'),
  sourceDirectories: z
    .array(z.string().min(1))
    .default([])
    .describe('Directories that file sources may read; empty: any file the process can read'),
  queryMemoryMib: z.int().min(64).default(512).describe('Memory of one user query in MiB'),
  queryTimeoutMs: z.int().min(100).default(60_000).describe('Longest time of one user query in milliseconds'),
});

/** The ingestion service's configuration. */
export type IngestionConfig = z.infer<typeof ingestionConfigSchema>;
