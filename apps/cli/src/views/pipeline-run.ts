import type { PipelineRun, StepRun } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { StepState } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import type { StepMark, StepView } from '../render/steps.ts';
import { shortName } from '../resource.ts';
import { elapsed } from '../watch.ts';

const MARKS: Readonly<Record<StepState, StepMark>> = {
  [StepState.UNSPECIFIED]: 'pending',
  [StepState.PENDING]: 'pending',
  [StepState.RUNNING]: 'running',
  [StepState.SUCCEEDED]: 'succeeded',
  [StepState.FAILED]: 'failed',
  [StepState.CANCELLED]: 'cancelled',
  [StepState.SKIPPED]: 'skipped',
  [StepState.UNCHANGED]: 'unchanged',
};

/** Outputs that are not told beside a step: its rows have a column of their own. */
const QUIET_OUTPUTS = new Set(['rows']);

/** The steps of a run as lines of progress. */
export function pipelineRunSteps(run: PipelineRun, now: Date): StepView[] {
  return run.steps.map((step) => ({
    name: step.step,
    mark: MARKS[step.state],
    fraction: step.fraction,
    rows: step.rows,
    millis: elapsed(step.startTime, step.endTime, now),
    message: messageOf(step),
  }));
}

function messageOf(step: StepRun): string {
  if (step.failure) return step.failure.message;
  const again = step.attempt > 1 ? `attempt ${step.attempt}: ` : '';
  if (step.state === StepState.SUCCEEDED || step.state === StepState.UNCHANGED) return outputsText(step.outputs);
  return `${again}${step.message}`;
}

/** Outputs in short, `datasetVersion flights@3, quarantinedRows 12`. */
function outputsText(outputs: Readonly<Record<string, string>>): string {
  return Object.entries(outputs)
    .filter(([name, value]) => !QUIET_OUTPUTS.has(name) && value !== '' && value !== '0')
    .map(([name, value]) => `${name} ${value.startsWith('workspaces/') ? shortName(value) : figure(value)}`)
    .join(', ');
}

function figure(value: string): string {
  return /^-?\d+\.\d{5,}$/.test(value) ? Number(value).toFixed(4) : value;
}
