import {
  PipelineRunFinishedSchema,
  PipelineRunStartedSchema,
  StepRunFinishedSchema,
} from '@millrace/contracts/millrace/orchestrator/v1/orchestrator_events';
import { emitEvent } from '@millrace/events';
import type { Tx } from '@millrace/postgres';
import type { RunRow, StepRow } from '../domain/model.ts';
import { toJobState, toStepRun } from '../translate.ts';

const PREFIX = 'millrace.orchestrator.v1';

/** Tells that a run has begun. */
export async function emitRunStarted(tx: Tx, run: RunRow): Promise<void> {
  await emitEvent(tx, {
    subject: `${PREFIX}.pipeline_run.started`,
    resource: run.name,
    schema: PipelineRunStartedSchema,
    message: { pipelineRun: run.name, pipeline: run.pipeline, cause: run.cause },
  });
}

/** Tells that a step has ended. */
export async function emitStepFinished(tx: Tx, step: StepRow): Promise<void> {
  await emitEvent(tx, {
    subject: `${PREFIX}.step_run.finished`,
    resource: step.run,
    schema: StepRunFinishedSchema,
    message: { pipelineRun: step.run, stepRun: toStepRun(step) },
  });
}

/** Tells that a run has ended. */
export async function emitRunFinished(tx: Tx, run: RunRow): Promise<void> {
  await emitEvent(tx, {
    subject: `${PREFIX}.pipeline_run.finished`,
    resource: run.name,
    schema: PipelineRunFinishedSchema,
    message: { pipelineRun: run.name, pipeline: run.pipeline, state: toJobState(run.state) },
  });
}
