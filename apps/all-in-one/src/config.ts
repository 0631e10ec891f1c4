import { availableParallelism } from 'node:os';
import { gatewayConfigSchema } from '@millrace/gateway/module';
import { z } from 'zod';

/** What the single process can be told, on the command line or from the environment (`MILLRACE__…`). */
export const allInOneConfigSchema = z.strictObject({
  dataDirectory: z.string().min(1).default('.millrace').describe('Everything kept lies below it'),
  grpcHost: z.string().default('127.0.0.1').describe('Address of the gRPC port'),
  grpcPort: z.int().min(0).max(65_535).default(8081).describe('gRPC port of all services; 0: a free one'),
  gateway: gatewayConfigSchema.prefault({}),
  postgresUrl: z.string().optional().describe('PostgreSQL to use; default: an embedded one below the data directory'),
  tablesMemoryMib: z.int().min(128).default(1024).describe('Memory of the table engine in MiB; it spills beyond'),
  threads: z.int().min(1).default(Math.min(availableParallelism(), 16)).describe('Threads of the table engine'),
  poolMax: z.int().min(2).default(4).describe('Database connections per service, at most'),
  leaseMs: z
    .int()
    .min(300)
    .default(15_000)
    .describe('Silence after which work of a process that died is taken up again, in milliseconds'),
  stopDeadlineMs: z.int().min(0).default(10_000).describe('Time for calls and work under way when stopping'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least level of log lines'),
});

/** Configuration of the single process. */
export type AllInOneConfig = z.infer<typeof allInOneConfigSchema>;
