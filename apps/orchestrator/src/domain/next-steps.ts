import type { Condition } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { StepNode } from './graph.ts';
import type { SkipReason, StepRunState, StoredFailure } from './model.ts';
import { hasEnded } from './model.ts';

/** A step as far as deciding needs it. */
export interface StepStanding {
  readonly state: StepRunState;
  readonly skipReason: SkipReason;
}

/** What happens to a waiting step. */
export type Transition =
  | { readonly kind: 'start'; readonly step: string }
  | { readonly kind: 'skip'; readonly step: string; readonly reason: 'condition' | 'failure'; readonly message: string }
  | { readonly kind: 'fail'; readonly step: string; readonly failure: StoredFailure };

/** Whether a step's `when` holds, for which value; or why that cannot be told. */
export type Judged =
  | { readonly holds: boolean; readonly value: string; readonly failure?: undefined }
  | { readonly failure: StoredFailure };

/**
 * Decides what happens to the waiting steps of a run. `nodes` are in an order in which they could run.
 *
 * A step is skipped for `failure` when a step before it failed, was cancelled or was skipped for failure; for
 * `condition` when a step that it refers to was skipped by condition, or when its own `when` does not hold. A step that
 * only comes `after` one that was skipped by condition runs.
 */
export function nextSteps(
  nodes: readonly StepNode[],
  standings: ReadonlyMap<string, StepStanding>,
  judge: (step: string) => Judged,
): Transition[] {
  const now = new Map(standings);
  const transitions: Transition[] = [];
  for (const node of nodes) {
    if (now.get(node.id)?.state !== 'PENDING') continue;
    const transition = decide(node, now, judge);
    if (!transition) continue;
    transitions.push(transition);
    now.set(node.id, standingAfter(transition));
  }
  return transitions;
}

function decide(
  node: StepNode,
  now: ReadonlyMap<string, StepStanding>,
  judge: (step: string) => Judged,
): Transition | undefined {
  const step = node.id;
  const all = [...node.refersTo, ...node.after];
  const unwell = all.find((id) => isUnwell(now.get(id)));
  if (unwell !== undefined)
    return { kind: 'skip', step, reason: 'failure', message: `Step "${unwell}" before it did not end well.` };
  const skipped = node.refersTo.find((id) => now.get(id)?.state === 'SKIPPED');
  if (skipped !== undefined)
    return { kind: 'skip', step, reason: 'condition', message: `Step "${skipped}", which it refers to, was skipped.` };
  if (!all.every((id) => hasEnded(now.get(id)?.state ?? 'PENDING'))) return undefined;
  const condition = judge(step);
  if (condition.failure) return { kind: 'fail', step, failure: condition.failure };
  if (!condition.holds)
    return {
      kind: 'skip',
      step,
      reason: 'condition',
      message: `Its condition does not hold: the value is "${condition.value}".`,
    };
  return { kind: 'start', step };
}

function standingAfter(transition: Transition): StepStanding {
  switch (transition.kind) {
    case 'start':
      return { state: 'RUNNING', skipReason: '' };
    case 'skip':
      return { state: 'SKIPPED', skipReason: transition.reason };
    case 'fail':
      return { state: 'FAILED', skipReason: '' };
  }
}

function isUnwell(standing: StepStanding | undefined): boolean {
  if (standing === undefined) return false;
  const { state, skipReason } = standing;
  return state === 'FAILED' || state === 'CANCELLED' || (state === 'SKIPPED' && skipReason === 'failure');
}

/** Whether a condition holds for a value; an empty one always does. */
export function conditionHolds(condition: Condition, value: string): boolean {
  if (condition.equals !== undefined && value !== condition.equals) return false;
  return condition.notEquals === undefined || value !== condition.notEquals;
}

/** How a run has ended, or undefined while a step may still change. */
export function endOfRun(
  states: readonly StepRunState[],
  isCancelRequested: boolean,
): 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | undefined {
  if (!states.every(hasEnded)) return undefined;
  if (isCancelRequested && states.includes('CANCELLED')) return 'CANCELLED';
  return states.includes('FAILED') || states.includes('CANCELLED') ? 'FAILED' : 'SUCCEEDED';
}
