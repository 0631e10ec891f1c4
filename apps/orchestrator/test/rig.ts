import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { OrchestratorService } from '@millrace/contracts/millrace/orchestrator/v1/orchestrator_service';
import type { Pipeline } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { PipelineRun } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { StepState } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { parsePipelineFile } from '@millrace/pipelines';
import type { Client } from '@millrace/rpc';
import type { TestPlatform } from '@millrace/testing';
import { createTestPlatform } from '@millrace/testing';
import { createOrchestratorModule, orchestratorConfigSchema } from '../src/module.ts';
import type { Fakes } from './fakes.ts';
import { createFakes } from './fakes.ts';

/** An orchestrator on a platform of its own, with fakes of all other services. */
export interface Rig {
  readonly platform: TestPlatform;
  readonly fakes: Fakes;
  readonly orchestrator: Client<typeof OrchestratorService>;
}

/** Starts one. */
export async function createRig(): Promise<Rig> {
  const fakes = createFakes();
  const platform = await createTestPlatform({
    modules: (own) => [createOrchestratorModule({ config: orchestratorConfigSchema.parse({}), platform: own })],
    fakes: fakes.services,
  });
  return { platform, fakes, orchestrator: platform.client(OrchestratorService) };
}

/** The pipelines of a YAML text. */
export function pipelinesOf(yaml: string): Pipeline[] {
  return parsePipelineFile(yaml, { path: 'pipeline.yaml', workspace: 'default' }).map(({ pipeline }) => pipeline);
}

/** Applies every pipeline of a YAML text. */
export async function apply(rig: Rig, yaml: string): Promise<void> {
  for (const pipeline of pipelinesOf(yaml)) await rig.orchestrator.applyPipeline({ pipeline, yaml });
}

/** Follows a run to its end. */
export async function untilOver(rig: Rig, name: string): Promise<PipelineRun> {
  let last: PipelineRun | undefined;
  for await (const { pipelineRun } of rig.orchestrator.watchPipelineRun({ name })) last = pipelineRun;
  if (!last) throw new Error('the stream was empty');
  return last;
}

/** Creates a run and follows it to its end. */
export async function runToEnd(rig: Rig, id: string, parameters: Record<string, string> = {}): Promise<PipelineRun> {
  const { pipelineRun } = await rig.orchestrator.createPipelineRun({
    pipeline: `workspaces/default/pipelines/${id}`,
    parameters,
  });
  return await untilOver(rig, pipelineRun?.name ?? '');
}

/** Step id → state, in words. */
export function statesOf(run: PipelineRun): Record<string, string> {
  return Object.fromEntries(run.steps.map(({ step, state }) => [step, StepState[state]]));
}

/** The state of a run in a word. */
export function stateOf(run: PipelineRun): string {
  return String(JobState[run.execution?.state ?? 0]);
}

/** One step of a run. */
export function stepOf(run: PipelineRun, id: string): PipelineRun['steps'][number] {
  const step = run.steps.find((candidate) => candidate.step === id);
  if (!step) throw new Error(`no step "${id}"`);
  return step;
}
