import type { Pipeline } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { cancelJobs, enqueueJob } from '@millrace/jobs';
import type { Clock, IdSource } from '@millrace/kernel';
import { AppError, invariant, notFound } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { contextFromHeaders } from '@millrace/telemetry';
import type { Tracer } from '@opentelemetry/api';
import { context } from '@opentelemetry/api';
import type { RunRow, StepRow, StoredFailure } from '../domain/model.ts';
import { hasEnded, lastId } from '../domain/model.ts';
import type { Judged } from '../domain/next-steps.ts';
import { conditionHolds, endOfRun, nextSteps } from '../domain/next-steps.ts';
import { resolveText } from '../domain/references.ts';
import { failureOf, retryDelayMs, timeoutMsOf } from '../domain/retry.ts';
import { lockQueue, lockRun, nextWaitingRun, saveRun } from '../store/runs.ts';
import { listSteps, saveSteps, saveSuccess } from '../store/steps.ts';
import type { Definition } from './definition.ts';
import { definitionOf } from './definition.ts';
import { emitRunFinished, emitRunStarted, emitStepFinished } from './run-events.ts';
import { valuesOf } from './values.ts';

/** Kind of the jobs that make a step's call and follow it. */
export const STEP_JOB = 'step';
/** Kind of the jobs that stop remote work whose step was cancelled or ran out of time. */
export const STOP_JOB = 'stop';
/** A step's job survives this many deaths of its worker. */
const WORKERS_LOST_MAX = 100;
const STOP_ATTEMPTS_MAX = 10;

/** What the engine works with. */
export interface EngineDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly tracer: Tracer;
}

/** Which attempt at which step a job works for. */
export interface StepJob {
  readonly run: string;
  readonly step: string;
  readonly generation: number;
}

/** What a step gave. */
export interface StepResult {
  readonly state: 'SUCCEEDED' | 'UNCHANGED';
  readonly outputs: Readonly<Record<string, string>>;
  readonly resource: string;
  readonly rows: number;
  readonly message: string;
  /** Of the resolved definition and what it depends on; undefined where the step always runs. */
  readonly digest: string | undefined;
  /** The run whose outputs these are, in state UNCHANGED. */
  readonly unchangedSince: string;
}

/** The id of a step's job, and of the request that its call makes: the same however often the job is begun again. */
export function requestIdOf({ run, step, generation }: StepJob): string {
  return `${lastId(run)}-${step}-${generation}`;
}

/** A run with its steps, locked, as it is being changed. */
interface OpenRun {
  run: RunRow;
  readonly definition: Definition;
  readonly steps: Map<string, StepRow>;
  /** Steps to be written. */
  readonly changed: Set<string>;
  /** Steps that end in this transaction: told as events at its end, since emitting locks. */
  readonly ended: Set<string>;
}

/** Records what a step gave, and starts what comes next, in this transaction. An attempt that is no longer the present one changes nothing. */
export async function finishStep(tx: Tx, deps: EngineDeps, job: StepJob, result: StepResult): Promise<void> {
  await changeStep(tx, deps, job, async (open, step) => {
    const { state, outputs, resource, rows, message, unchangedSince, digest } = result;
    const endedAt = deps.clock.now();
    putStep(open, { ...step, state, outputs, resource, rows, message, unchangedSince, endedAt, fraction: 1 });
    if (digest !== undefined && state === 'SUCCEEDED') {
      await saveSuccess(tx, open.run.pipeline, job.step, { digest, run: job.run, outputs, resource, rows });
    }
  });
}

/** Records that an attempt failed: another one is begun after a pause, or the step fails and what comes next is decided. */
export async function failStep(tx: Tx, deps: EngineDeps, job: StepJob, failure: StoredFailure): Promise<void> {
  await changeStep(tx, deps, job, async (open, step) => {
    const now = deps.clock.now();
    const delayMs = retryDelayMs(stepOf(open, job.step), step.attempt, failure);
    const runAt = new Date(now.getTime() + (delayMs ?? 0));
    if (delayMs !== undefined && (step.deadline === null || runAt < step.deadline)) {
      const message = `Attempt ${step.attempt} failed: ${failure.message} Trying again in ${delayMs / 1000} s.`;
      const next = { ...step, generation: step.generation + 1, attempt: step.attempt + 1, fraction: 0, message };
      putStep(open, { ...next, resource: '' });
      await enqueueStep(tx, open.run, next, runAt);
      return;
    }
    putStep(open, { ...step, state: 'FAILED', failure, endedAt: now, message: failure.message });
    if (failure.reason === 'STEP_TIMEOUT') await enqueueStop(tx, open.run, job);
  });
}

/** Records that a step was stopped on request; its remote work is stopped by a job of its own. */
export async function cancelStep(tx: Tx, deps: EngineDeps, job: StepJob): Promise<void> {
  await changeStep(tx, deps, job, async (open, step) => {
    putStep(open, { ...step, state: 'CANCELLED', endedAt: deps.clock.now(), message: 'Stopped on request.' });
    await enqueueStop(tx, open.run, job);
  });
}

/** Asks a run to end: waiting steps are cancelled now, those that go on are stopped by their jobs. A run that has ended stays as it is. */
export async function cancelRun(tx: Tx, deps: EngineDeps, name: string): Promise<void> {
  const open = await openRun(tx, name);
  if (hasEnded(open.run.state)) return;
  open.run = { ...open.run, isCancelRequested: true };
  const endedAt = deps.clock.now();
  for (const step of open.steps.values()) {
    if (step.state === 'PENDING') {
      putStep(open, { ...step, state: 'CANCELLED', endedAt, message: 'Stopped on request.' });
    }
    if (step.state === 'RUNNING') await cancelJobs(tx, resourceOf(step));
  }
  await settle(tx, deps, open);
}

/** Sets the steps that did not end well back and queues the run again. A run that is under way stays as it is. */
export async function retryRun(tx: Tx, deps: EngineDeps, name: string): Promise<void> {
  const open = await openRun(tx, name);
  const { state } = open.run;
  if (!hasEnded(state)) return;
  if (state === 'SUCCEEDED') {
    throw new AppError(
      'FAILED_PRECONDITION',
      `Run "${name}" has succeeded; there is nothing to retry. Create a new run.`,
      {
        reason: 'PIPELINE_RUN_SUCCEEDED',
        fields: { name },
      },
    );
  }
  for (const step of open.steps.values()) {
    if (step.state !== 'SUCCEEDED' && step.state !== 'UNCHANGED') putStep(open, waiting(step));
  }
  open.run = { ...open.run, state: 'PENDING', isCancelRequested: false, failure: null, endedAt: null };
  await flush(tx, open);
  await saveRun(tx, name, open.run);
  await startWaitingRuns(tx, deps, open.run.pipeline);
}

/** Starts the oldest waiting runs of a pipeline, as many as its concurrency allows. */
export async function startWaitingRuns(tx: Tx, deps: EngineDeps, pipeline: string): Promise<void> {
  await lockQueue(tx, pipeline);
  for (;;) {
    const next = await nextWaitingRun(tx, pipeline);
    if (!next) return;
    const definition = await definitionOf(tx, next.run.name);
    if (next.running >= Math.max(1, definition.pipeline.concurrency)) return;
    const run: RunRow = {
      ...next.run,
      state: 'RUNNING',
      attempt: next.run.attempt + 1,
      startedAt: next.run.startedAt ?? deps.clock.now(),
    };
    const steps = await listSteps(tx, run.name);
    await inTraceOf(run, () => emitRunStarted(tx, run));
    await moveOn(tx, deps, { run, definition, steps: byId(steps), changed: new Set(), ended: new Set() });
  }
}

async function changeStep(
  tx: Tx,
  deps: EngineDeps,
  job: StepJob,
  change: (open: OpenRun, step: StepRow) => Promise<void>,
): Promise<void> {
  const open = await openRun(tx, job.run);
  const step = open.steps.get(job.step);
  if (step?.state !== 'RUNNING' || step.generation !== job.generation) return;
  await change(open, step);
  await settle(tx, deps, open);
}

/** Moves the run on and, when that ends it, lets the next one begin. */
async function settle(tx: Tx, deps: EngineDeps, open: OpenRun): Promise<void> {
  await moveOn(tx, deps, open);
  if (hasEnded(open.run.state)) await startWaitingRuns(tx, deps, open.run.pipeline);
}

/** Starts and skips steps whose turn has come, ends the run when nothing is left, and writes the run. */
async function moveOn(tx: Tx, deps: EngineDeps, open: OpenRun): Promise<void> {
  const now = deps.clock.now();
  if (!open.run.isCancelRequested) {
    for (const transition of nextSteps(open.definition.nodes, open.steps, (id) => judge(open, id))) {
      const step = open.steps.get(transition.step) as StepRow;
      if (transition.kind === 'skip') {
        const { reason, message } = transition;
        putStep(open, { ...step, state: 'SKIPPED', skipReason: reason, message, endedAt: now });
        continue;
      }
      if (transition.kind === 'fail') {
        const { failure } = transition;
        putStep(open, { ...step, state: 'FAILED', failure, message: failure.message, endedAt: now });
        continue;
      }
      const deadline = new Date(now.getTime() + timeoutMsOf(stepOf(open, step.step)));
      const started: StepRow = { ...step, state: 'RUNNING', attempt: 1, startedAt: now, deadline };
      putStep(open, started);
      await enqueueStep(tx, open.run, started, undefined);
    }
  }
  const steps = [...open.steps.values()];
  const end = endOfRun(
    steps.map(({ state }) => state),
    open.run.isCancelRequested,
  );
  if (end) {
    const failure = end === 'FAILED' ? (steps.find((step) => step.failure)?.failure ?? null) : null;
    open.run = { ...open.run, state: end, endedAt: now, failure };
  }
  await flush(tx, open);
  await saveRun(tx, open.run.name, open.run);
  await inTraceOf(open.run, async () => {
    for (const id of open.ended) await emitStepFinished(tx, open.steps.get(id) as StepRow);
    if (end) await emitRunFinished(tx, open.run);
  });
}

function putStep(open: OpenRun, step: StepRow): void {
  open.steps.set(step.step, step);
  open.changed.add(step.step);
  if (hasEnded(step.state)) open.ended.add(step.step);
}

/** Writes all steps that were put, in one statement. */
async function flush(tx: Tx, open: OpenRun): Promise<void> {
  await saveSteps(
    tx,
    [...open.changed].map((id) => open.steps.get(id) as StepRow),
  );
}

function judge(open: OpenRun, id: string): Judged {
  const { when } = stepOf(open, id);
  if (!when) return { holds: true, value: '' };
  try {
    const value = resolveText(when.value, valuesOf(open.run, [...open.steps.values()]));
    return { holds: conditionHolds(when, value), value };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

async function openRun(tx: Tx, name: string): Promise<OpenRun> {
  const run = await lockRun(tx, name);
  if (!run) throw notFound('PipelineRun', name);
  const definition = await definitionOf(tx, name);
  return {
    run,
    definition,
    steps: byId(await listSteps(tx, name)),
    changed: new Set(),
    ended: new Set(),
  };
}

function byId(steps: readonly StepRow[]): Map<string, StepRow> {
  return new Map(steps.map((step) => [step.step, step]));
}

function stepOf(open: OpenRun, id: string): Pipeline['steps'][number] {
  const step = open.definition.steps.get(id);
  invariant(step, `run ${open.run.name} has a step "${id}"`);
  return step;
}

function waiting(step: StepRow): StepRow {
  return {
    ...step,
    state: 'PENDING',
    skipReason: '',
    outputs: {},
    resource: '',
    generation: step.generation + 1,
    attempt: 0,
    fraction: 0,
    rows: 0,
    message: '',
    deadline: null,
    startedAt: null,
    endedAt: null,
    failure: null,
    unchangedSince: '',
  };
}

/** What a step's jobs work for. */
function resourceOf({ run, step }: { readonly run: string; readonly step: string }): string {
  return `${run}/steps/${step}`;
}

async function enqueueStep(tx: Tx, run: RunRow, step: StepRow, runAt: Date | undefined): Promise<void> {
  const payload: StepJob = { run: step.run, step: step.step, generation: step.generation };
  await inTraceOf(run, () =>
    enqueueJob(tx, {
      id: requestIdOf(payload),
      kind: STEP_JOB,
      resource: resourceOf(step),
      payload,
      maxAttempts: WORKERS_LOST_MAX,
      ...(runAt && { runAt }),
    }),
  );
}

async function enqueueStop(tx: Tx, run: RunRow, job: StepJob): Promise<void> {
  await inTraceOf(run, () =>
    enqueueJob(tx, {
      id: `${requestIdOf(job)}-stop`,
      kind: STOP_JOB,
      resource: `${resourceOf(job)}/stop`,
      payload: job,
      maxAttempts: STOP_ATTEMPTS_MAX,
    }),
  );
}

/** Runs `fn` with the run's root span as the parent of what it starts. */
export function inTraceOf<T>(run: Pick<RunRow, 'headers'>, fn: () => T): T {
  return context.with(contextFromHeaders(run.headers), fn);
}
