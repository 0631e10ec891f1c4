import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '@bufbuild/protobuf';
import { toJson } from '@bufbuild/protobuf';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import type { Step } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { JobContext } from '@millrace/jobs';
import type { ErrorCode } from '@millrace/kernel';
import { AppError, canonicalJson, invariant, isAppError, sha256 } from '@millrace/kernel';
import { completeName } from '@millrace/pipelines';
import type { Database } from '@millrace/postgres';
import type { ActionCall, ActionOutcome, RemoteState, StepAction } from '../actions/action.ts';
import { ACTIONS } from '../actions/index.ts';
import type { Clients } from '../clients.ts';
import type { RunRow, StepRow } from '../domain/model.ts';
import { lastId } from '../domain/model.ts';
import { resolveText } from '../domain/references.ts';
import { failureOf, isAway, stepTimeout } from '../domain/retry.ts';
import { mapTexts } from '../domain/texts.ts';
import { getRun } from '../store/runs.ts';
import { getSuccess, listSteps } from '../store/steps.ts';
import { definitionOf } from './definition.ts';
import type { EngineDeps, StepJob, StepResult } from './engine.ts';
import { failStep, finishStep, requestIdOf } from './engine.ts';
import { ProgressNotes } from './progress.ts';
import { valuesOf } from './values.ts';

/** Pauses between calls to a service that is away, in milliseconds; the last one repeats. */
const AWAY_PAUSES_MS = [100, 200, 500, 1000, 2000, 5000] as const;

/** What a step's job works with. */
export interface StepDeps extends EngineDeps {
  readonly database: Database;
  readonly clients: Clients;
}

/** A step made ready for its call: all references replaced. */
interface ReadyStep {
  readonly run: RunRow;
  readonly step: Step;
  readonly action: StepAction;
  readonly spec: Message;
}

/**
 * Does one attempt at a step: makes the service's call and follows the work to its end, then records the outcome and
 * starts what comes next in one transaction. Begun again after a crash, it makes the same call with the same request id.
 * A service that is away is called again with back-off until the step's time is over.
 */
export async function runStepJob(deps: StepDeps, context: JobContext<StepJob>): Promise<void> {
  const job = context.payload;
  const loaded = await load(deps, job);
  if (!loaded) return;
  const { row, step } = loaded;
  const timeout = new AbortController();
  const remainingMs = (row.deadline?.getTime() ?? Number.POSITIVE_INFINITY) - deps.clock.now().getTime();
  const timer = setTimeout(() => timeout.abort(stepTimeout(step)), Math.max(0, Math.min(remainingMs, 2 ** 31 - 1)));
  const signal = AbortSignal.any([context.signal, timeout.signal]);
  const progress = new ProgressNotes(deps.database, job);
  try {
    const result = await perform(deps, loaded, job, signal, progress);
    await progress.close();
    await context.commit((tx) => finishStep(tx, deps, job, result));
  } catch (error) {
    await progress.close();
    if (context.signal.aborted) throw context.signal.reason;
    const cause = timeout.signal.aborted ? timeout.signal.reason : error;
    if (isAppError(cause) && (cause.reason === 'LEASE_LOST' || cause.reason === 'DATABASE_UNAVAILABLE')) throw cause;
    context.logger.warn('A step failed.', { run: job.run, step: job.step, err: cause });
    await context.commit((tx) => failStep(tx, deps, job, failureOf(cause)));
  } finally {
    clearTimeout(timer);
  }
}

/** Stops the remote work of a step that was cancelled or ran out of time. */
export async function runStopJob(deps: StepDeps, context: JobContext<StepJob>): Promise<void> {
  const job = context.payload;
  const run = await getRun(deps.database, job.run);
  const rows = await listSteps(deps.database, job.run);
  const row = rows.find(({ step }) => step === job.step);
  if (!run || !row || row.generation !== job.generation) return;
  const { steps } = await definitionOf(deps.database, job.run);
  const ready = prepare(run, steps.get(job.step), rows);
  const call = callOf(deps, ready, job, { signal: context.signal });
  if (!ready.action.stop) return;
  const resource = row.resource || (await resourceOf(ready, call));
  if (resource === '') return;
  try {
    await ready.action.stop(resource, call);
  } catch (error) {
    if (!isAppError(error) || !['NOT_FOUND', 'FAILED_PRECONDITION'].includes(error.code)) throw error;
  }
}

/** The name of work whose call was made but whose answer was lost: the same call gives it. */
async function resourceOf({ action, spec }: ReadyStep, call: ActionCall): Promise<string> {
  const started = await action.start(spec, call);
  return started.outcome ? '' : started.resource;
}

interface Loaded {
  readonly run: RunRow;
  readonly row: StepRow;
  readonly step: Step;
  readonly rows: readonly StepRow[];
}

/** The step that a job works for; undefined when another attempt has it or it has ended. */
async function load({ database }: StepDeps, job: StepJob): Promise<Loaded | undefined> {
  const [run, rows] = await Promise.all([getRun(database, job.run), listSteps(database, job.run)]);
  const row = rows.find(({ step }) => step === job.step);
  if (!run || row?.state !== 'RUNNING' || row.generation !== job.generation) return undefined;
  const step = (await definitionOf(database, job.run)).steps.get(job.step);
  invariant(step, `run ${job.run} has a step "${job.step}"`);
  return { run, row, step, rows };
}

async function perform(
  deps: StepDeps,
  { run, row, step, rows }: Loaded,
  job: StepJob,
  signal: AbortSignal,
  progress: ProgressNotes,
): Promise<StepResult> {
  const ready = prepare(run, step, rows);
  const timeoutMs = Math.max(1, (row.deadline?.getTime() ?? 0) - deps.clock.now().getTime());
  const call = callOf(deps, ready, job, { signal });
  const digest = await untilThere(signal, () => digestOf(ready, call));
  if (digest !== undefined && !step.always) {
    const earlier = await getSuccess(deps.database, run.pipeline, step.id);
    if (earlier?.digest === digest) {
      const { outputs, resource, rows: count } = earlier;
      const message = `Inputs and definition are those of ${lastId(earlier.run)}.`;
      return { state: 'UNCHANGED', outputs, resource, rows: count, message, digest, unchangedSince: earlier.run };
    }
  }
  const { outcome, resource } = await carryOut(ready, call, { signal, timeoutMs }, progress);
  return {
    state: 'SUCCEEDED',
    outputs: outcome.outputs,
    resource: outcome.resource ?? resource,
    rows: Number(outcome.rows ?? 0n),
    message: outcome.message ?? '',
    // A version that was a candidate before may be settled now: only then can its judgement be called unchanged later.
    digest: digest ?? (await untilThere(signal, () => digestOf(ready, call))),
    unchangedSince: '',
  };
}

/** Makes the call and follows the work to its end. */
async function carryOut(
  { action, spec }: ReadyStep,
  call: ActionCall,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  progress: ProgressNotes,
): Promise<{ outcome: ActionOutcome; resource: string }> {
  // Not cut off by a cancellation: the answer names the work that then has to be stopped.
  const started = await untilThere(options.signal, () => action.start(spec, { ...call, options: {} }));
  if (started.outcome) return { outcome: started.outcome, resource: '' };
  const { resource } = started;
  progress.set({ resource, fraction: 0, rows: 0, message: '' });
  const { watch } = action;
  invariant(watch, `an action that leaves work behind can follow it (${resource})`);
  const last = await untilThere(options.signal, async () => {
    let state: RemoteState | undefined;
    for await (state of watch(resource, spec, { ...call, options })) {
      const { fraction = 0, rows = 0n, message = '' } = state.execution ?? {};
      progress.set({ resource, fraction, rows: Number(rows), message });
    }
    if (state && isOver(state)) return state;
    throw new AppError('UNAVAILABLE', `The stream of ${resource} ended before the work did.`, {
      reason: 'WATCH_ENDED',
    });
  });
  return { outcome: outcomeOf(last, resource), resource };
}

function isOver({ execution }: RemoteState): boolean {
  const state = execution?.state;
  return state === JobState.SUCCEEDED || state === JobState.FAILED || state === JobState.CANCELLED;
}

function outcomeOf(remote: RemoteState, resource: string): ActionOutcome {
  const { state, failure } = remote.execution ?? {};
  if (state === JobState.SUCCEEDED) return remote.outcome();
  if (state === JobState.CANCELLED) {
    throw new AppError('CANCELLED', `${resource} was cancelled by someone else.`, { reason: 'REMOTE_CANCELLED' });
  }
  throw new AppError((failure?.code || 'INTERNAL') as ErrorCode, failure?.message || `${resource} failed.`, {
    reason: failure?.reason || 'UNKNOWN',
    violations: failure?.violations.map(({ field, description, reason }) => ({ field, description, reason })) ?? [],
  });
}

/** Calls until the service is there, with growing pauses, or the signal ends it. */
async function untilThere<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isAway(error)) throw error;
      const pauseMs = AWAY_PAUSES_MS[Math.min(attempt, AWAY_PAUSES_MS.length - 1)];
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Replaces references, then completes bare ids, which references may have brought. */
function prepare(run: RunRow, step: Step | undefined, rows: readonly StepRow[]): ReadyStep {
  invariant(step?.action.case !== undefined, `step "${step?.id}" has an action`);
  const kind = step.action.case;
  const action = ACTIONS[kind];
  const lookUp = valuesOf(run, rows);
  const workspace = lastId(run.workspace);
  const spec = mapTexts(action.schema, step.action.value, kind, ({ field, text }) =>
    completeName(field, resolveText(text, lookUp), workspace),
  );
  return { run, step, action, spec };
}

function callOf(deps: StepDeps, { run }: ReadyStep, job: StepJob, options: ActionCall['options']): ActionCall {
  return {
    clients: deps.clients,
    workspace: run.workspace,
    pipeline: run.pipeline,
    pipelineRun: run.name,
    requestId: requestIdOf(job),
    options,
  };
}

/** Digest of everything the step's result depends on; undefined where it always runs. */
async function digestOf({ action, spec, step }: ReadyStep, call: ActionCall): Promise<string | undefined> {
  const pins = await action.pins?.(spec, call);
  if (pins === undefined) return undefined;
  return sha256(canonicalJson({ action: step.action.case, spec: toJson(action.schema, spec), pins }));
}
