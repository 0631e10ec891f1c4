import { z } from 'zod';

/** What validation can be told. */
export const validationConfigSchema = z.strictObject({
  concurrency: z.int().min(1).max(16).default(2).describe('Versions that are judged at a time'),
});

/** Validation's configuration. */
export type ValidationConfig = z.infer<typeof validationConfigSchema>;
