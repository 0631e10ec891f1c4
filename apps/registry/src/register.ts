import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { FeatureStoreService } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { TrainingSet } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import type { DatasetVersion } from '@millrace/contracts/millrace/ingestion/v1/dataset';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import type { ModelLineage } from '@millrace/contracts/millrace/registry/v1/registered_model';
import type { TrainingJob } from '@millrace/contracts/millrace/training/v1/training_job';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { AppError } from '@millrace/kernel';
import type { Platform } from '@millrace/process';
import type { Client } from '@millrace/rpc';
import { createClient } from '@millrace/rpc';

/** The services that know where a model comes from. */
export interface Origins {
  readonly ingestion: Client<typeof IngestionService>;
  readonly featureStore: Client<typeof FeatureStoreService>;
  readonly training: Client<typeof TrainingService>;
}

/** Clients of the services that know where a model comes from. */
export function originsOf(platform: Platform): Origins {
  return {
    ingestion: createClient(IngestionService, platform.channel('ingestion')),
    featureStore: createClient(FeatureStoreService, platform.channel('feature-store')),
    training: createClient(TrainingService, platform.channel('training')),
  };
}

/** Everything that a model was made of. */
export interface Provenance {
  readonly job: TrainingJob;
  readonly lineage: Omit<ModelLineage, '$typeName' | '$unknown'>;
}

/**
 * Collects what a training job's model was made of.
 *
 * @throws AppError FAILED_PRECONDITION `TRAINING_JOB_NOT_FINISHED`, or `PARITY_FAILED` when ONNX Runtime's predictions are
 * not the trainer's.
 */
export async function collectProvenance(
  origins: Origins,
  trainingJob: string,
  pipelineRun: string,
): Promise<Provenance> {
  const { trainingJob: job } = await origins.training.getTrainingJob({ name: trainingJob });
  if (job?.execution?.state !== JobState.SUCCEEDED || !job.result?.model || !job.spec)
    throw precondition(
      'TRAINING_JOB_NOT_FINISHED',
      trainingJob,
      'has not succeeded, so there is no model to register.',
    );
  const { parity } = job.result;
  if (!parity || parity.labelFlips > 0n || !(parity.maxAbs <= parity.tolerance))
    throw precondition(
      'PARITY_FAILED',
      trainingJob,
      `has a model whose ONNX file does not give the trainer's predictions.`,
    );
  const { trainingSet } = await origins.featureStore.getTrainingSet({ name: job.spec.trainingSet });
  const versions = await datasetVersions(origins, trainingSet);
  const { run } = job.run ? await origins.training.getRun({ name: job.run }) : { run: undefined };
  return {
    job,
    lineage: {
      trainingJob,
      run: job.run,
      trainingSet: job.spec.trainingSet,
      featureService: trainingSet?.spec?.featureService ?? '',
      datasetVersions: versions.map((version) => version.name),
      datasetDigests: versions.map((version) => version.table?.manifest?.digest ?? ''),
      codeRevision: job.spec.codeRevision,
      params: run?.params ?? {},
      seed: job.spec.seed,
      environment: job.result.environment,
      pipelineRun,
      validationRuns: [...new Set(versions.map((version) => version.validationRun).filter(Boolean))],
    },
  };
}

/** The versions that went into a training set: of the labels first, then of the views, each once. */
async function datasetVersions(origins: Origins, set: TrainingSet | undefined): Promise<DatasetVersion[]> {
  if (!set) return [];
  const names = [...new Set([set.labelVersion, ...Object.values(set.viewVersions).sort()])].filter(Boolean);
  const answers = await Promise.all(names.map((name) => origins.ingestion.getDatasetVersion({ name })));
  return answers.map((answer) => answer.datasetVersion).filter((version) => version !== undefined);
}

function precondition(reason: string, trainingJob: string, what: string): AppError {
  return new AppError('FAILED_PRECONDITION', `Training job "${trainingJob}" ${what}`, {
    reason,
    fields: { trainingJob },
  });
}
