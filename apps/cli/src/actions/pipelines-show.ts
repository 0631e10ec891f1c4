import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { Pipeline, Schedule, Step } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { PipelineRun } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { StepState } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { pipelineJsonSchema } from '@millrace/pipelines';
import { plainJson } from '../plain-json.ts';
import { details } from '../render/details.ts';
import { ago, duration, moment, span } from '../render/format.ts';
import { stepLines } from '../render/steps.ts';
import type { Column } from '../render/table.ts';
import { allPages, dateOf, idOf, nameOf } from '../resource.ts';
import type { Session } from '../session.ts';
import type { Action } from '../tree/spec.ts';
import { pipelineRunSteps } from '../views/pipeline-run.ts';
import { elapsed, markOf } from '../watch.ts';

/** `pipelines ls`. */
export const listPipelines: Action = async (session) => {
  const { orchestrator } = await session.client();
  const pipelines = await allPages(async (pageToken, pageSize) => {
    const page = await orchestrator.listPipelines({ parent: session.workspace, pageToken, pageSize });
    return { items: page.pipelines, next: page.nextPageToken };
  });
  if (session.isJson) session.printJson({ pipelines: pipelines.map(plainJson) });
  else
    await session.printTable(
      pipelines,
      [
        { title: 'PIPELINE', value: (p) => idOf(p.name), priority: 0, widthMin: 20 },
        { title: 'STEPS', value: (p) => String(p.steps.length), align: 'right', priority: 1 },
        { title: 'RUNS BY ITSELF', value: clocksText, priority: 2 },
        { title: 'CHANGED', value: (p) => ago(dateOf(p.updateTime), new Date()), priority: 3 },
        { title: 'DESCRIPTION', value: (p) => p.description, priority: 4 },
      ],
      'There are no pipelines. Apply one with: millrace pipelines apply <file>',
    );
  return 0;
};

/** `pipelines show PIPELINE`. */
export const showPipeline: Action = async (session, input) => {
  const { orchestrator } = await session.client();
  const name = nameOf(session, 'pipeline', input.argument(0));
  const [{ pipeline }, { pipelineRuns }] = await Promise.all([
    orchestrator.getPipeline({ name }),
    orchestrator.listPipelineRuns({ parent: session.workspace, pipeline: name, pageSize: 5 }),
  ]);
  const found = pipeline as Pipeline;
  if (session.isJson) {
    session.printJson({ pipeline: plainJson(found), runs: pipelineRuns.map(plainJson) });
    return 0;
  }
  const { style } = session;
  session.print([style.bold(idOf(found.name)), ...(found.description ? [found.description] : []), '']);
  session.print(
    details(
      [
        ...found.parameters.map(
          (p) =>
            [
              `--param ${p.name}`,
              `${p.description}${p.defaultValue === undefined ? '' : ` (default ${p.defaultValue})`}`,
            ] as const,
        ),
        ...found.schedules.map((s) => [`schedule ${s.id}`, scheduleText(s)] as const),
        ...found.triggers.map((t) => [`trigger ${t.id}`, t.subject] as const),
      ],
      { width: session.width, name: style.dim },
    ),
  );
  session.print('');
  await session.printTable(
    found.steps,
    [
      { title: 'STEP', value: (s) => s.id, priority: 0 },
      { title: 'ACTION', value: (s) => s.action.case ?? '', priority: 1 },
      { title: 'AFTER', value: (s) => [...new Set([...s.after, ...references(s)])].join(', '), priority: 2 },
      { title: 'IF', value: (s) => conditionText(s), priority: 3 },
      { title: 'DESCRIPTION', value: (s) => s.description, priority: 4 },
    ],
    'It has no steps.',
  );
  session.print('');
  await session.printTable(pipelineRuns, runColumns(session), 'It has not run yet.');
  return 0;
};

/** `pipelines runs [RUN]`. */
export const listRuns: Action = async (session, input) => {
  const { orchestrator } = await session.client();
  const given = input.optional(0);
  if (given !== undefined) return showRun(session, given);
  const pipeline = input.text('pipeline');
  const runs = await allPages(
    async (pageToken, pageSize) => {
      const page = await orchestrator.listPipelineRuns({
        parent: session.workspace,
        pageToken,
        pageSize,
        pipeline: pipeline === undefined ? '' : nameOf(session, 'pipeline', pipeline),
      });
      return { items: page.pipelineRuns, next: page.nextPageToken };
    },
    input.integer('limit', { default: 20, min: 1, max: 10_000 }),
  );
  if (session.isJson) session.printJson({ pipelineRuns: runs.map(plainJson) });
  else
    await session.printTable(
      runs,
      runColumns(session),
      'There are no runs. Start one with: millrace pipelines run <pipeline>',
    );
  return 0;
};

/** `pipelines schema`. */
export const printSchema: Action = async (session) => {
  session.print(JSON.stringify(pipelineJsonSchema(), undefined, session.isJson ? undefined : 2));
  return 0;
};

async function showRun(session: Session, given: string): Promise<number> {
  const { orchestrator } = await session.client();
  const { pipelineRun } = await orchestrator.getPipelineRun({ name: nameOf(session, 'pipelineRun', given) });
  const run = pipelineRun as PipelineRun;
  if (session.isJson) {
    session.printJson(plainJson(run));
    return 0;
  }
  const now = new Date();
  session.print(
    details(
      [
        ['run', idOf(run.name)],
        ['pipeline', idOf(run.pipeline)],
        ['state', stateText(session, run)],
        ['cause', `${run.cause}${run.causeDetail ? ` (${run.causeDetail})` : ''}`],
        ['begun', moment(dateOf(run.execution?.startTime ?? run.execution?.createTime))],
        ['took', duration(elapsed(run.execution?.startTime, run.execution?.endTime, now) ?? Number.NaN)],
        ...Object.entries(run.parameters).map(([name, value]) => [`--param ${name}`, value] as const),
        ['trace', run.traceId],
        ['failure', run.execution?.failure?.message],
      ],
      { width: session.width, name: session.style.dim },
    ),
  );
  session.print(['', ...stepLines(pipelineRunSteps(run, now), session)]);
  return 0;
}

function runColumns(session: Session): Column<PipelineRun>[] {
  const now = new Date();
  const done = (run: PipelineRun) => run.steps.filter((s) => s.state >= StepState.SUCCEEDED).length;
  return [
    { title: 'RUN', value: (r) => idOf(r.name), priority: 0, widthMin: 26 },
    { title: 'PIPELINE', value: (r) => idOf(r.pipeline), priority: 1 },
    { title: 'STATE', value: (r) => stateText(session, r), priority: 0, widthMin: 9 },
    { title: 'STEPS', value: (r) => `${done(r)}/${r.steps.length}`, align: 'right', priority: 2 },
    {
      title: 'TOOK',
      value: (r) => duration(elapsed(r.execution?.startTime, r.execution?.endTime, now) ?? Number.NaN),
      align: 'right',
      priority: 2,
    },
    { title: 'BEGUN', value: (r) => ago(dateOf(r.execution?.createTime), now), priority: 3 },
    { title: 'CAUSE', value: (r) => r.cause, priority: 4 },
  ];
}

function stateText({ style }: Session, run: PipelineRun): string {
  const state = run.execution?.state;
  const mark = markOf(state);
  if (state === JobState.SUCCEEDED) return style.good(mark);
  if (state === JobState.FAILED) return style.bad(mark);
  return state === JobState.RUNNING ? style.accent(mark) : mark;
}

/** Ids of the steps that a step refers to. */
function references(step: Step): string[] {
  const text = JSON.stringify(step, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v));
  return [...text.matchAll(/\$\{steps\.([A-Za-z0-9_-]+)\./g)].map((match) => match[1] as string);
}

function conditionText({ when }: Step): string {
  if (!when) return '';
  if (when.equals !== undefined) return `${when.value} = ${when.equals}`;
  return `${when.value} ≠ ${when.notEquals ?? ''}`;
}

function clocksText(pipeline: Pipeline): string {
  return [
    ...pipeline.schedules.filter((s) => !s.paused).map(scheduleText),
    ...pipeline.triggers.map((t) => `on ${t.subject.split('.').slice(-2).join('.')}`),
  ].join('; ');
}

function scheduleText(schedule: Schedule): string {
  const paused = schedule.paused ? ' (paused)' : '';
  if (schedule.clock.case === 'cron')
    return `cron ${schedule.clock.value}${schedule.timeZone ? ` ${schedule.timeZone}` : ''}${paused}`;
  const every = schedule.clock.value?.every;
  return `every ${span(Number(every?.seconds ?? 0n) * 1000)} of ${schedule.clock.value?.calendar ?? ''}${paused}`;
}
