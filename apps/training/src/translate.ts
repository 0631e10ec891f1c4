import type { MessageInitShape } from '@bufbuild/protobuf';
import { fromJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ExperimentSchema, MetricSchema, RunSchema } from '@millrace/contracts/millrace/training/v1/run';
import type { TrainingJobSchema } from '@millrace/contracts/millrace/training/v1/training_job';
import { TrainingResultSchema, TrainingSpecSchema } from '@millrace/contracts/millrace/training/v1/training_job';
import type { JobRow } from '@millrace/jobs';
import { toExecution } from '@millrace/jobs';
import { names } from '@millrace/kernel';
import type { ExperimentRow } from './store/experiments.ts';
import type { TrainingJobRow } from './store/jobs.ts';
import type { PointRow } from './store/metrics.ts';
import type { RunRow } from './store/runs.ts';

/** The contract's form of an experiment. */
export function experimentToProto(row: ExperimentRow): MessageInitShape<typeof ExperimentSchema> {
  return {
    name: names.experiment.format({ workspace: row.workspace, experiment: row.experimentId }),
    description: row.description,
    createTime: timestampFromDate(row.createdAt),
  };
}

/** The contract's form of a run. */
export function runToProto(row: RunRow): MessageInitShape<typeof RunSchema> {
  const { workspace, runId, experimentId, jobId } = row;
  return {
    name: names.run.format({ workspace, run: runId }),
    experiment: names.experiment.format({ workspace, experiment: experimentId }),
    displayName: row.displayName,
    status: row.status,
    params: row.params,
    metrics: Object.fromEntries(Object.entries(row.metrics).map(([key, value]) => [key, Number(value)])),
    tags: row.tags,
    artifacts: row.artifacts.map(({ path, digest, sizeBytes, mediaType }) => ({
      path,
      blob: { digest, sizeBytes: BigInt(sizeBytes), mediaType },
    })),
    startTime: timestampFromDate(row.startTime),
    ...(row.endTime && { endTime: timestampFromDate(row.endTime) }),
    trainingJob: jobId ? names.trainingJob.format({ workspace, trainingJob: jobId }) : '',
  };
}

/** The contract's form of a point. */
export function pointToProto({ key, value, step, time }: PointRow): MessageInitShape<typeof MetricSchema> {
  return { key, value, step: BigInt(step), time: timestampFromDate(time) };
}

/** The contract's form of a training job. */
export function jobToProto(row: TrainingJobRow, job: JobRow): MessageInitShape<typeof TrainingJobSchema> {
  const { workspace, jobId } = row;
  return {
    name: names.trainingJob.format({ workspace, trainingJob: jobId }),
    spec: fromJson(TrainingSpecSchema, row.spec),
    run: names.run.format({ workspace, run: jobId }),
    execution: toExecution(job),
    ...(row.result !== null && { result: fromJson(TrainingResultSchema, row.result) }),
  };
}
