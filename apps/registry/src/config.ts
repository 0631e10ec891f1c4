import { z } from 'zod';

/** What the registry can be told. */
export const registryConfigSchema = z.strictObject({
  signingKeyFile: z
    .string()
    .optional()
    .describe('PEM file of the Ed25519 private key that signs model versions; default: one of its own, made once'),
  leaseMs: z
    .int()
    .min(300)
    .default(15_000)
    .describe('Silence after which another worker takes a job over, in milliseconds'),
  promotionConcurrency: z.int().min(1).max(16).default(1).describe('Promotions that are judged at a time'),
  evaluationRowsMax: z.int().min(1000).default(2_000_000).describe('Rows of an evaluation set, at most'),
});

/** The registry's configuration. */
export type RegistryConfig = z.infer<typeof registryConfigSchema>;
