import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { MillraceClient } from '@millrace/client';
import { resourcesOf, untilEnded } from '@millrace/client';
import type { PipelineRun, StepRun } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { StepState } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import type { Display } from './display.ts';

/** A step of a run, as it is told at the end. */
export interface ToldStep {
  readonly name: string;
  readonly seconds: number;
  readonly rows: number;
  /** Seconds from the beginning of the demo's first run. */
  readonly startTime: string;
  readonly state: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** A run, as it is told at the end. */
export interface ToldRun {
  readonly name: string;
  readonly steps: readonly ToldStep[];
  /** Why the run failed; empty when it did not. */
  readonly failure: string;
}

const ENDED = new Set([
  StepState.SUCCEEDED,
  StepState.FAILED,
  StepState.CANCELLED,
  StepState.SKIPPED,
  StepState.UNCHANGED,
]);

/** Starts a run once (the same `requestId` finds the one that was started) and follows it to its end. */
export async function runPipeline(
  client: MillraceClient,
  display: Display,
  run: { pipeline: string; parameters: Record<string, string>; requestId: string; mayFail?: boolean },
): Promise<ToldRun> {
  const { pipeline, parameters, requestId } = run;
  const { pipelineRun } = await client.orchestrator.createPipelineRun({
    pipeline: `workspaces/default/pipelines/${pipeline}`,
    parameters,
    requestId,
  });
  return followRun(client, display, pipelineRun?.name ?? '', run.mayFail ?? false);
}

/** Follows a run to its end, telling each step as it ends. */
export async function followRun(
  client: MillraceClient,
  display: Display,
  name: string,
  mayFail = false,
): Promise<ToldRun> {
  const told = new Set<string>();
  let last: PipelineRun | undefined;
  try {
    await untilEnded(
      resourcesOf(client.orchestrator.watchPipelineRun({ name }), ({ pipelineRun }) => pipelineRun),
      (run) => {
        last = run;
        tellSteps(display, run, told);
      },
    );
  } catch (error) {
    if (!mayFail || !last) throw error;
  }
  return { name, steps: (last?.steps ?? []).map(toldStep), failure: last?.execution?.failure?.message ?? '' };
}

function tellSteps(display: Display, run: PipelineRun, told: Set<string>): void {
  for (const step of run.steps) {
    if (ENDED.has(step.state) && !told.has(step.step)) {
      told.add(step.step);
      const { seconds, rows } = toldStep(step);
      const suffix = step.state === StepState.SUCCEEDED ? '' : ` (${StepState[step.state].toLowerCase()})`;
      display.done(step.step + suffix, seconds, rows);
    } else if (step.state === StepState.RUNNING) {
      display.now(`${step.step} ${Math.round(100 * step.fraction)} % ${step.message}`);
    }
  }
}

function toldStep(step: StepRun): ToldStep {
  const end = step.endTime ? timestampMs(step.endTime) : 0;
  const start = step.startTime ? timestampMs(step.startTime) : end;
  return {
    name: step.step,
    seconds: (end - start) / 1000,
    rows: Number(step.rows),
    startTime: new Date(start).toISOString(),
    state: StepState[step.state],
    outputs: step.outputs,
  };
}
