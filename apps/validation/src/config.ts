import { z } from 'zod';

/** What validation can be told. */
export const validationConfigSchema = z.strictObject({
  leaseMs: z
    .int()
    .min(300)
    .default(15_000)
    .describe('Silence after which another worker takes a job over, in milliseconds'),
  concurrency: z.int().min(1).max(16).default(2).describe('Versions that are judged at a time'),
});

/** Validation's configuration. */
export type ValidationConfig = z.infer<typeof validationConfigSchema>;
