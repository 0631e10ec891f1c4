import { join } from 'node:path';
import { MonitoringService } from '@millrace/contracts/millrace/monitoring/v1/monitoring_service';
import { eventsMigrations, type Running } from '@millrace/events';
import { type JobRunner, jobsMigrations, startJobRunner } from '@millrace/jobs';
import { migrate } from '@millrace/postgres';
import type { Module, Platform } from '@millrace/process';
import { implement } from '@millrace/rpc';
import type { MonitoringConfig } from './config.ts';
import { consumePredictionLogs } from './consumers.ts';
import { createGauges } from './gauges.ts';
import { judgeWindow } from './judge-window.ts';
import { createLogIndex } from './log-index.ts';
import { createReferenceSource } from './reference.ts';
import { createService } from './service.ts';

export type { MonitoringConfig } from './config.ts';
export { monitoringConfigSchema } from './config.ts';

const SERVICE = 'monitoring';

/** Monitoring: drift, performance once the truth is known, alerts. */
export function createMonitoringModule({ config, platform }: { config: MonitoringConfig; platform: Platform }): Module {
  const database = platform.database(SERVICE);
  const telemetry = platform.telemetry(SERVICE);
  const gauges = createGauges(telemetry.meter, database, config.gaugeMonitorsMax);
  const deps = {
    platform,
    database,
    config,
    gauges,
    logIndex: createLogIndex(platform, database, config.logFilesMax),
    references: createReferenceSource(platform),
  };
  let relay: Running | undefined;
  let consumer: Running | undefined;
  let jobs: JobRunner | undefined;
  return {
    name: SERVICE,
    dependsOn: ['registry', 'serving'],
    grpcServices: [implement(MonitoringService, createService(deps))],
    async start() {
      const own = { name: SERVICE, directory: join(import.meta.dirname, '../migrations') };
      await migrate(database, [eventsMigrations, jobsMigrations, own]);
      await gauges.start();
      relay = await platform.bus.startRelay(database, SERVICE);
      consumer = await consumePredictionLogs(platform, database);
      jobs = await startJobRunner({
        database,
        service: SERVICE,
        leaseMs: config.leaseMs,
        kinds: {
          'monitor-run': {
            handler: (context) => judgeWindow(deps, context),
            concurrency: config.runConcurrency,
          },
        },
        logger: telemetry.logger('jobs'),
        telemetry,
      });
    },
    async stop(deadlineMs) {
      gauges.stop();
      await jobs?.stop({ deadlineMs });
      await consumer?.stop();
      await relay?.stop();
      return [];
    },
  };
}
