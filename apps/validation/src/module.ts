import { join } from 'node:path';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { ValidationRunFinishedSchema } from '@millrace/contracts/millrace/validation/v1/validation_events';
import { ValidationService } from '@millrace/contracts/millrace/validation/v1/validation_service';
import { emitEvent, eventsMigrations, type Running } from '@millrace/events';
import { type FailedJob, type JobRunner, jobsMigrations, startJobRunner } from '@millrace/jobs';
import type { Tx } from '@millrace/postgres';
import { migrate } from '@millrace/postgres';
import type { Module, Platform } from '@millrace/process';
import { createClient, implement } from '@millrace/rpc';
import type { ValidationConfig } from './config.ts';
import { datasetOf, type JudgePayload, judgeVersion } from './judge-version.ts';
import { createService } from './service.ts';
import { findRun } from './store/runs.ts';
import { runOf } from './translate.ts';

export type { ValidationConfig } from './config.ts';
export { validationConfigSchema } from './config.ts';

const SERVICE = 'validation';

/** Validation: contracts, profiles, and the verdict on every candidate. */
export function createValidationModule({ config, platform }: { config: ValidationConfig; platform: Platform }): Module {
  const database = platform.database(SERVICE);
  const telemetry = platform.telemetry(SERVICE);
  const deps = { platform, database, ingestion: createClient(IngestionService, platform.channel('ingestion')) };
  let relay: Running | undefined;
  let jobs: JobRunner | undefined;
  return {
    name: SERVICE,
    dependsOn: ['ingestion'],
    grpcServices: [implement(ValidationService, createService(deps))],
    async start() {
      await migrate(database, [
        eventsMigrations,
        jobsMigrations,
        { name: SERVICE, directory: join(import.meta.dirname, '../migrations') },
      ]);
      relay = await platform.bus.startRelay(database, SERVICE);
      jobs = await startJobRunner({
        database,
        service: SERVICE,
        leaseMs: config.leaseMs,
        kinds: {
          judge: {
            handler: (context) => judgeVersion(deps, context),
            concurrency: config.concurrency,
            onFailed: tellFailure,
          },
        },
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

/** Emits the end of a run that failed or was cancelled. */
async function tellFailure(tx: Tx, job: FailedJob<JudgePayload>): Promise<void> {
  const row = await findRun(tx, job.payload.validationRun);
  if (!row) return;
  const { datasetVersion } = runOf(row);
  await emitEvent(tx, {
    subject: 'millrace.validation.v1.validation_run.finished',
    resource: datasetOf(datasetVersion),
    schema: ValidationRunFinishedSchema,
    message: { validationRun: row.name, datasetVersion, state: JobState[job.state] },
  });
}
