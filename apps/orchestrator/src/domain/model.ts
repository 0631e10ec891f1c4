import type { FieldViolation } from '@millrace/kernel';

/** Where a run stands. */
export type RunState = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

/** Where a step of a run stands. */
export type StepRunState = RunState | 'SKIPPED' | 'UNCHANGED';

/** Why a step or run failed, in a form that can be stored. */
export interface StoredFailure {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly violations: readonly FieldViolation[];
}

/** Why a step was skipped: its condition (or that of one before it), or a step before it that did not end well. */
export type SkipReason = '' | 'condition' | 'failure';

/** A run without its steps. */
export interface RunRow {
  readonly name: string;
  readonly workspace: string;
  readonly pipeline: string;
  readonly sequence: number;
  readonly parameters: Readonly<Record<string, string>>;
  readonly cause: string;
  readonly causeDetail: string;
  readonly state: RunState;
  readonly attempt: number;
  readonly isCancelRequested: boolean;
  readonly failure: StoredFailure | null;
  readonly traceId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly revision: number;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

/** A step of a run. */
export interface StepRow {
  readonly run: string;
  readonly step: string;
  readonly position: number;
  readonly action: string;
  readonly state: StepRunState;
  readonly skipReason: SkipReason;
  readonly outputs: Readonly<Record<string, string>>;
  readonly resource: string;
  readonly generation: number;
  readonly attempt: number;
  readonly fraction: number;
  readonly rows: number;
  readonly message: string;
  readonly deadline: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly failure: StoredFailure | null;
  readonly dependencies: readonly string[];
  readonly unchangedSince: string;
}

/** Whether a run or step in this state does not change by itself any more. */
export function hasEnded(state: StepRunState): boolean {
  return state !== 'PENDING' && state !== 'RUNNING';
}

/** The id at the end of a resource name. */
export function lastId(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** The `workspaces/{workspace}` at the beginning of a resource name. */
export function workspaceOf(name: string): string {
  return name.split('/').slice(0, 2).join('/');
}
