import { z } from 'zod';

/** What the gateway can be told. */
export const gatewayConfigSchema = z.strictObject({
  host: z.string().default('127.0.0.1').describe('Address to listen on'),
  port: z.int().min(0).max(65_535).default(8080).describe('HTTP port; 0: a free one'),
  bodyBytesMax: z
    .int()
    .positive()
    .default(16 * 1024 * 1024)
    .describe('Bytes of one request body'),
});

/** The gateway's configuration. */
export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
