import { join } from 'node:path';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { eventsMigrations, type Running } from '@millrace/events';
import { type JobContext, type JobRunner, jobsMigrations, startJobRunner } from '@millrace/jobs';
import { migrate } from '@millrace/postgres';
import type { Module, Platform } from '@millrace/process';
import { implement } from '@millrace/rpc';
import type { TrainingConfig } from './config.ts';
import { createJobMethods } from './job-service.ts';
import { createTrackingMethods } from './tracking-service.ts';
import { failTraining, runTraining, type TrainingPayload } from './training-job.ts';

export type { TrainingConfig } from './config.ts';
export { trainingConfigSchema } from './config.ts';

const SERVICE = 'training';

/** The training service: training jobs, experiments and runs. */
export function createTrainingModule({ config, platform }: { config: TrainingConfig; platform: Platform }): Module {
  const database = platform.database(SERVICE);
  const telemetry = platform.telemetry(SERVICE);
  let relay: Running | undefined;
  let jobs: JobRunner | undefined;
  return {
    name: SERVICE,
    dependsOn: ['feature-store'],
    grpcServices: [
      implement(TrainingService, {
        ...createJobMethods({ platform, database }),
        ...createTrackingMethods({ platform, database }),
      }),
    ],
    async start() {
      const own = { name: SERVICE, directory: join(import.meta.dirname, '../migrations') };
      await migrate(database, [eventsMigrations, jobsMigrations, own]);
      relay = await platform.bus.startRelay(database, SERVICE);
      jobs = await startJobRunner({
        database,
        service: SERVICE,
        kinds: {
          training: {
            handler: (context: JobContext<TrainingPayload>) => runTraining({ platform, config }, context),
            concurrency: config.concurrency,
            onFailed: (tx, job) => failTraining(tx, job, platform.clock.now()),
          },
        },
        leaseMs: config.leaseMs,
        logger: telemetry.logger('jobs'),
        telemetry,
      });
    },
    async stop(deadlineMs) {
      await jobs?.stop({ deadlineMs });
      await relay?.stop();
      return [];
    },
  };
}
