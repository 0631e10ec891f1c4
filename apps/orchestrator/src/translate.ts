import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, fromJson, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { FailureSchema } from '@millrace/contracts/millrace/common/v1/job';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { Pipeline } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { PipelineSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { PipelineRun, StepRun } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { PipelineRunSchema, StepRunSchema, StepState } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { canonicalJson, sha256 } from '@millrace/kernel';
import type { RunRow, RunState, StepRow, StoredFailure } from './domain/model.ts';
import { hasEnded } from './domain/model.ts';
import type { PipelineRow } from './store/pipelines.ts';

const ETAG_LENGTH = 12;

/** A pipeline as it is stored: its JSON form without what the service adds. */
export function toDefinition(pipeline: Pipeline): unknown {
  const { createTime, updateTime, etag, ...rest } = toJson(PipelineSchema, pipeline) as Record<string, unknown>;
  return rest;
}

/** A short digest that changes with each change of a definition. */
export function etagOf(definition: unknown): string {
  return sha256(canonicalJson(definition)).slice('sha256:'.length, 'sha256:'.length + ETAG_LENGTH);
}

/** The pipeline of a row. */
export function toPipeline(row: PipelineRow): Pipeline {
  const pipeline = fromJson(PipelineSchema, row.definition as never);
  pipeline.createTime = timestampFromDate(row.createdAt);
  pipeline.updateTime = timestampFromDate(row.updatedAt);
  pipeline.etag = row.etag;
  return pipeline;
}

/** A run with its steps. */
export function toPipelineRun(run: RunRow, steps: readonly StepRow[], definition: Pipeline): PipelineRun {
  const running = steps.filter(({ state }) => state === 'RUNNING').map(({ step }) => step);
  const done = steps.reduce((sum, step) => sum + (hasEnded(step.state) ? 1 : step.fraction), 0);
  return create(PipelineRunSchema, {
    name: run.name,
    pipeline: run.pipeline,
    definition,
    parameters: run.parameters,
    cause: run.cause,
    causeDetail: run.causeDetail,
    execution: {
      state: toJobState(run.state),
      fraction: steps.length === 0 ? 0 : done / steps.length,
      rows: BigInt(steps.reduce((sum, { rows }) => sum + rows, 0)),
      message: running.length > 0 ? `Runs ${running.join(', ')}.` : '',
      attempt: run.attempt,
      createTime: timestampFromDate(run.createdAt),
      ...(run.startedAt && { startTime: timestampFromDate(run.startedAt) }),
      ...(run.endedAt && { endTime: timestampFromDate(run.endedAt) }),
      ...(run.failure && { failure: toFailure(run.failure) }),
    },
    steps: steps.map(toStepRun),
    traceId: run.traceId,
    revision: BigInt(run.revision),
  });
}

/** A step of a run. */
export function toStepRun(step: StepRow): StepRun {
  return create(StepRunSchema, {
    step: step.step,
    action: step.action,
    state: StepState[step.state],
    outputs: step.outputs,
    resource: step.resource,
    attempt: step.attempt,
    fraction: step.fraction,
    rows: BigInt(step.rows),
    message: step.message,
    ...(step.startedAt && { startTime: timestampFromDate(step.startedAt) }),
    ...(step.endedAt && { endTime: timestampFromDate(step.endedAt) }),
    ...(step.failure && { failure: toFailure(step.failure) }),
    dependencies: [...step.dependencies],
    unchangedSince: step.unchangedSince,
  });
}

/** The contract's word for where a run stands. */
export function toJobState(state: RunState): JobState {
  return JobState[state];
}

function toFailure(failure: StoredFailure): MessageInitShape<typeof FailureSchema> {
  return {
    ...failure,
    violations: failure.violations.map(({ field, description, reason = '' }) => ({ field, description, reason })),
  };
}
