import { randomUUID } from 'node:crypto';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { PipelineRun } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { AppError } from '@millrace/kernel';
import { EXIT } from '../exit-codes.ts';
import { plainJson } from '../plain-json.ts';
import { duration } from '../render/format.ts';
import { idOf, nameOf } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';
import { pipelineRunSteps } from '../views/pipeline-run.ts';
import { elapsed, watchWork } from '../watch.ts';

/** `pipelines run PIPELINE --param k=v --watch`. */
export const runPipeline: Action = async (session, input) => {
  const { orchestrator } = await session.client();
  const { pipelineRun } = await orchestrator.createPipelineRun({
    pipeline: nameOf(session, 'pipeline', input.argument(0)),
    parameters: Object.fromEntries(input.pairs('param')),
    requestId: randomUUID(),
  });
  return began(session, pipelineRun as PipelineRun, input.flag('watch'));
};

/** `pipelines retry RUN`. */
export const retryRun: Action = async (session, input) => {
  const { orchestrator } = await session.client();
  const { pipelineRun } = await orchestrator.retryPipelineRun({
    name: nameOf(session, 'pipelineRun', input.argument(0)),
  });
  return began(session, pipelineRun as PipelineRun, input.flag('watch'));
};

/** `pipelines cancel RUN`. */
export const cancelRun: Action = async (session, input) => {
  const { orchestrator } = await session.client();
  const { pipelineRun } = await orchestrator.cancelPipelineRun({
    name: nameOf(session, 'pipelineRun', input.argument(0)),
  });
  const run = pipelineRun as PipelineRun;
  if (session.isJson) session.printJson(plainJson(run));
  else session.print(`${idOf(run.name)} is being cancelled.`);
  return EXIT.ok;
};

/** `pipelines watch RUN`. */
export const watchRun: Action = (session, input) => watch(session, nameOf(session, 'pipelineRun', input.argument(0)));

function began(session: Session, run: PipelineRun, isWatched: boolean): Promise<number> | number {
  if (isWatched) {
    session.note(`Run ${idOf(run.name)} of ${idOf(run.pipeline)}. Ctrl+C stops watching, not the run.`);
    return watch(session, run.name);
  }
  if (session.isJson) session.printJson(plainJson(run));
  else
    session.print([
      `Run ${idOf(run.name)} has begun.`,
      session.style.dim(`Watch it with: millrace pipelines watch ${idOf(run.name)}`),
    ]);
  return EXIT.ok;
}

async function* states(session: Session, name: string): AsyncIterable<PipelineRun> {
  const { orchestrator } = await session.client();
  for await (const { pipelineRun } of orchestrator.watchPipelineRun({ name }, { signal: session.signal }))
    if (pipelineRun) yield pipelineRun;
}

/** Shows a run to its end; throws UNAVAILABLE `WATCH_ENDED` when the stream ends before. */
async function watch(session: Session, name: string): Promise<number> {
  const last = await watchWork(session, states(session, name), {
    steps: pipelineRunSteps,
    json: (run) => session.printMessage(run),
  });
  const execution = last?.execution;
  const time = duration(elapsed(execution?.startTime ?? execution?.createTime, execution?.endTime, new Date()) ?? 0);
  switch (execution?.state) {
    case JobState.SUCCEEDED:
      if (!session.isJson) session.print(session.style.good(`Run ${idOf(name)} succeeded in ${time}.`));
      return EXIT.ok;
    case JobState.FAILED:
      session.io.stderr.write(
        session.isJson
          ? `${JSON.stringify({ error: { reason: execution.failure?.reason, message: execution.failure?.message } })}\n`
          : failureText(session, name, last as PipelineRun, time),
      );
      return EXIT.failed;
    case JobState.CANCELLED:
      session.note(`Run ${idOf(name)} was cancelled after ${time}.`);
      return EXIT.failed;
    default:
      throw new AppError('UNAVAILABLE', `The platform stopped telling about run ${idOf(name)} before its end.`, {
        reason: 'WATCH_ENDED',
      });
  }
}

function failureText({ style }: Session, name: string, run: PipelineRun, time: string): string {
  const failure = run.execution?.failure;
  const failures = run.steps.filter((s) => s.failure);
  return [
    `${style.bad('error:')} run ${idOf(name)} failed after ${time}: ${failure?.message ?? 'a step failed'}`,
    ...failures.flatMap((s) => [
      `step ${s.step}: ${s.failure?.message} (${s.failure?.reason})`,
      ...(s.failure?.violations ?? []).map((v) => `  ${v.field}: ${v.description}`),
    ]),
    style.dim(`Start it again from there with: millrace pipelines retry ${idOf(name)} --watch`),
    style.dim(`See what it did with: millrace trace show ${idOf(name)}`),
    '',
  ].join('\n');
}
