import { z } from 'zod';

/** What the feature store can be told. */
export const featureStoreConfigSchema = z.strictObject({
  leaseMs: z
    .int()
    .min(300)
    .default(15_000)
    .describe('Silence after which another worker takes a job over, in milliseconds'),
  trainingSetConcurrency: z.int().min(1).max(16).default(1).describe('Training sets that are made at the same time'),
  materializationConcurrency: z.int().min(1).max(16).default(1).describe('Materializations at the same time'),
  materializationChunkRows: z
    .int()
    .min(1)
    .max(100_000)
    .default(5000)
    .describe('Rows of the online store that are written in one transaction'),
  prefetchRowsMax: z
    .int()
    .min(0)
    .max(10_000_000)
    .default(300_000)
    .describe(
      'Values of further boundaries that are kept in memory for the materializations to come, as rows of all views',
    ),
  onlineCacheRowsMax: z
    .int()
    .min(0)
    .max(10_000_000)
    .default(100_000)
    .describe('Rows of the online store that are kept in memory; 0: none'),
});

/** The feature store's configuration. */
export type FeatureStoreConfig = z.infer<typeof featureStoreConfigSchema>;
