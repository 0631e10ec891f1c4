import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { startEmbeddedPostgres } from '@millrace/postgres';
import { openPlatform, runModules } from '@millrace/process';
import { createRpcServer } from '@millrace/rpc';
import type { AllInOneConfig } from './config.ts';
import { createModules } from './modules.ts';
import type { Whereabouts } from './whereabouts.ts';
import { removeWhereabouts, writeWhereabouts } from './whereabouts.ts';

/** A running platform. */
export interface AllInOne extends Whereabouts {
  /** Process id of the embedded PostgreSQL; undefined where the user's own is used. */
  readonly postgresPid: number | undefined;
  /** Events put on the bus and effects of consumers, by consumer, since the start. */
  eventCounts(): Promise<{ published: number; delivered: number; byConsumer: Record<string, number> }>;
  /** Stops everything in order; gives what was cut off. */
  stop(): Promise<readonly string[]>;
}

/**
 * Starts all services in this process: PostgreSQL, then the gRPC port, then the modules, then HTTP.
 *
 * @throws AppError FAILED_PRECONDITION `DATA_DIRECTORY_IN_USE` when another process runs on the data directory;
 * UNAVAILABLE `ADDRESS_UNAVAILABLE` when a port is taken. What had started is stopped.
 */
export async function startAllInOne(config: AllInOneConfig): Promise<AllInOne> {
  const dataDirectory = resolve(config.dataDirectory);
  await mkdir(dataDirectory, { recursive: true });
  const undo: (() => Promise<unknown>)[] = [];
  try {
    return await start({ ...config, dataDirectory }, undo);
  } catch (error) {
    for (const step of undo.toReversed()) await step().catch(() => undefined);
    throw error;
  }
}

async function start(config: AllInOneConfig, undo: (() => Promise<unknown>)[]): Promise<AllInOne> {
  const { dataDirectory, stopDeadlineMs } = config;
  const postgres = config.postgresUrl
    ? undefined
    : await startEmbeddedPostgres({ directory: join(dataDirectory, 'postgres') });
  if (postgres) undo.push(() => postgres.stop());
  const bound = { port: config.grpcPort };
  const platform = await openPlatform({
    dataDirectory,
    postgresUrl: config.postgresUrl ?? (postgres?.url as string),
    address: () => `${config.grpcHost}:${bound.port}`,
    tablesMemoryMib: config.tablesMemoryMib,
    threads: config.threads,
    poolMax: config.poolMax,
    log: { file: join(dataDirectory, 'millrace.log'), level: config.logLevel },
  });
  undo.push(() => platform.close());
  const telemetry = platform.telemetry('all-in-one');
  const modules = createModules(platform, config);
  const server = createRpcServer({
    services: modules.all.flatMap((module) => module.grpcServices),
    rawServices: modules.all.flatMap((module) => module.rawMethods ?? []),
    address: `${config.grpcHost}:${config.grpcPort}`,
    telemetry,
    logger: telemetry.logger('rpc'),
  });
  undo.push(() => server.stop());
  bound.port = (await server.start()).port;
  const running = await runModules({
    modules: modules.all,
    server,
    logger: telemetry.logger('modules'),
    stopDeadlineMs,
  });
  undo.push(() => running.stop());
  const whereabouts: Whereabouts = {
    pid: process.pid,
    grpcAddress: `${config.grpcHost}:${bound.port}`,
    httpUrl: `http://${config.gateway.host}:${modules.gateway.port}`,
    startTime: platform.clock.now().toISOString(),
  };
  await writeWhereabouts(dataDirectory, whereabouts);
  return {
    ...whereabouts,
    postgresPid: postgres?.pid,
    async eventCounts() {
      const { published, consumers } = await platform.bus.stats();
      const byConsumer = Object.fromEntries(consumers.map(({ name, delivered }) => [name, delivered]));
      return { published, delivered: consumers.reduce((sum, { delivered }) => sum + delivered, 0), byConsumer };
    },
    async stop() {
      await removeWhereabouts(dataDirectory);
      const cut = await running.stop();
      await platform.close();
      await postgres?.stop();
      return cut;
    },
  };
}
