import { z } from 'zod';

/** What monitoring can be told. */
export const monitoringConfigSchema = z.strictObject({
  leaseMs: z
    .int()
    .min(300)
    .default(15_000)
    .describe('Silence after which another worker takes a job over, in milliseconds'),
  runConcurrency: z.int().min(1).max(16).default(1).describe('Windows that are judged at a time'),
  windowRowsMax: z
    .int()
    .min(1000)
    .max(10_000_000)
    .default(1_000_000)
    .describe('Predictions of one window, or of the span of one GetPerformance, at most'),
  logFilesMax: z.int().min(1).max(100_000).default(10_000).describe('Prediction log files of one window, at most'),
  truthChunkRows: z
    .int()
    .min(100)
    .max(100_000)
    .default(5000)
    .describe('Predictions whose truth is fetched with one statement'),
  gaugeMonitorsMax: z.int().min(0).max(10_000).default(200).describe('Monitors whose figures are kept as gauges'),
});

/** Monitoring's configuration. */
export type MonitoringConfig = z.infer<typeof monitoringConfigSchema>;
