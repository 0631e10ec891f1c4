import { join } from 'node:path';
import type { Running } from '@millrace/events';
import { eventsMigrations } from '@millrace/events';
import type { JobRunner } from '@millrace/jobs';
import { jobsMigrations, startJobRunner } from '@millrace/jobs';
import { migrate } from '@millrace/postgres';
import type { Module, Platform } from '@millrace/process';
import { createClients } from './clients.ts';
import type { OrchestratorConfig } from './config.ts';
import { consumeTriggers } from './consumers.ts';
import type { StepJob } from './engine/engine.ts';
import { cancelStep, failStep, STEP_JOB, STOP_JOB, startWaitingRuns } from './engine/engine.ts';
import type { StepDeps } from './engine/step-job.ts';
import { runStepJob, runStopJob } from './engine/step-job.ts';
import type { Scheduler } from './scheduler.ts';
import { startScheduler } from './scheduler.ts';
import { createOrchestratorService } from './service.ts';
import { pipelinesWithWaitingRuns } from './store/runs.ts';

export type { OrchestratorConfig } from './config.ts';
export { orchestratorConfigSchema } from './config.ts';

const SERVICE = 'orchestrator';
const STOPS_MAX = 8;

/** The orchestrator as a module: pipelines, runs, schedules, triggers, lineage. */
export function createOrchestratorModule(options: {
  readonly config: OrchestratorConfig;
  readonly platform: Platform;
}): Module {
  const { config, platform } = options;
  const telemetry = platform.telemetry(SERVICE);
  const logger = telemetry.logger('orchestrator');
  const database = platform.database(SERVICE);
  const { clock, ids, bus } = platform;
  const deps: StepDeps = { clock, ids, tracer: telemetry.tracer, database, clients: createClients(platform) };
  const started: { relay?: Running; runner?: JobRunner; scheduler?: Scheduler; triggers?: Running } = {};
  return {
    name: SERVICE,
    dependsOn: ['ingestion', 'validation', 'feature-store', 'training', 'registry', 'serving', 'monitoring'],
    grpcServices: [createOrchestratorService(deps)],
    async start() {
      const directory = join(import.meta.dirname, '../migrations');
      await migrate(database, [eventsMigrations, jobsMigrations, { name: SERVICE, directory }]);
      started.relay = await bus.startRelay(database, SERVICE);
      started.runner = await startJobRunner({
        database,
        service: SERVICE,
        leaseMs: config.leaseMs,
        logger,
        telemetry,
        kinds: {
          [STEP_JOB]: {
            concurrency: config.stepsMax,
            handler: (context) => runStepJob(deps, context),
            async onFailed(tx, job) {
              const payload = job.payload as StepJob;
              if (job.state === 'CANCELLED') await cancelStep(tx, deps, payload);
              else await failStep(tx, deps, payload, { ...job.error, violations: job.error.violations ?? [] });
            },
          },
          [STOP_JOB]: { concurrency: STOPS_MAX, handler: (context) => runStopJob(deps, context) },
        },
      });
      for (const pipeline of await pipelinesWithWaitingRuns(database)) {
        await database.withTransaction((tx) => startWaitingRuns(tx, deps, pipeline));
      }
      started.triggers = await consumeTriggers(bus, database, deps);
      started.scheduler = await startScheduler(database, deps, logger);
    },
    async stop(deadlineMs) {
      await started.scheduler?.stop();
      await started.triggers?.stop();
      await started.runner?.stop({ deadlineMs });
      await started.relay?.stop();
      return [];
    },
  };
}
