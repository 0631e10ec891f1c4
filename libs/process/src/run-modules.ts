import { messageOf } from '@millrace/kernel';
import type { RpcServer } from '@millrace/rpc';
import type { Logger } from '@millrace/telemetry';
import type { Module } from './module.ts';
import { orderByDependency } from './order.ts';

/** Modules that run behind one gRPC server. */
export interface RunningModules {
  /** Readiness off, drain the server, stop the modules in reverse order; gives what was cut off. */
  stop(): Promise<readonly string[]>;
}

/** How modules are run. */
export interface RunModulesOptions {
  readonly modules: readonly Module[];
  /** A server with the modules' gRPC services, started already; its health says NOT_SERVING until all modules run. */
  readonly server: RpcServer;
  readonly logger: Logger;
  /** Time for calls under way and for each module to stop. */
  readonly stopDeadlineMs: number;
}

/**
 * Starts modules in the order of their dependencies and turns readiness on. When one fails to start, those that had
 * started are stopped, and its error is thrown.
 */
export async function runModules(options: RunModulesOptions): Promise<RunningModules> {
  const { server, logger, stopDeadlineMs } = options;
  const started: Module[] = [];
  try {
    for (const module of orderByDependency(options.modules)) {
      const begin = performance.now();
      await module.start();
      started.push(module);
      logger.debug('module started', { module: module.name, millis: Math.round(performance.now() - begin) });
    }
  } catch (error) {
    await stopAll(started, stopDeadlineMs, logger);
    throw error;
  }
  for (const module of started)
    for (const { descriptor } of module.grpcServices) server.setServing(descriptor.typeName, true);
  server.setServing('', true);
  return {
    async stop() {
      server.setServing('', false);
      await server.drain(stopDeadlineMs);
      const cut = await stopAll(started, stopDeadlineMs, logger);
      await server.stop();
      return cut;
    },
  };
}

/** Stops modules, last started first; a module that fails to stop does not keep the others running. */
async function stopAll(modules: readonly Module[], deadlineMs: number, logger: Logger): Promise<readonly string[]> {
  const cut: string[] = [];
  for (const module of modules.toReversed()) {
    try {
      cut.push(...(await module.stop(deadlineMs)));
    } catch (error) {
      logger.error('module did not stop cleanly', { module: module.name, error: messageOf(error) });
      cut.push(module.name);
    }
  }
  return cut;
}
