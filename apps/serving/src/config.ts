import { z } from 'zod';

/** What serving can be told. */
export const servingConfigSchema = z.strictObject({
  inlineMs: z
    .number()
    .min(0)
    .max(100)
    .default(1)
    .describe('Expected time of a run in ms beyond which it leaves the event loop for a worker thread; 0: always'),
  batchRowsMax: z.int().min(1).max(65_536).default(256).describe('Rows of a batch of several requests, at most'),
  lookupRowsMax: z.int().min(1).max(10_000).default(512).describe('Rows of one look-up for several requests, at most'),
  lookupsInFlightMax: z.int().min(1).max(64).default(2).describe('Look-ups under way at a time, per feature service'),
  log: z
    .strictObject({
      flushRows: z.int().min(1).default(10_000).describe('Logged predictions after which a file is written'),
      flushIntervalMs: z.int().min(10).default(5_000).describe('Time after which logged predictions are written'),
      bufferRowsMax: z
        .int()
        .min(1)
        .default(200_000)
        .describe('Predictions of one endpoint that may wait to be written; more are lost, and counted'),
    })
    .prefault({}),
  leaseMs: z
    .int()
    .min(300)
    .default(15_000)
    .describe('Silence after which another worker takes a job over, in milliseconds'),
  deploymentAttempts: z.int().min(1).max(20).default(4).describe('Attempts of a deployment whose sources are away'),
  traceEvery: z.int().min(0).default(64).describe('Each so-manieth batch gets a span of its own; 0: none'),
});

/** Serving's configuration. */
export type ServingConfig = z.infer<typeof servingConfigSchema>;
