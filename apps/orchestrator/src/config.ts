import { z } from 'zod';

/** What the orchestrator can be told. */
export const orchestratorConfigSchema = z.strictObject({
  stepsMax: z.int().min(1).max(1000).default(64).describe('Steps that go on at a time in this process, over all runs'),
  leaseMs: z.int().min(300).default(15_000).describe('Silence after which another process takes a step over'),
});

/** The orchestrator's configuration. */
export type OrchestratorConfig = z.infer<typeof orchestratorConfigSchema>;
