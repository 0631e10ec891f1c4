import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Execution } from '@millrace/contracts/millrace/common/v1/job';
import { invalidArgument } from '@millrace/kernel';
import type { CallOptions } from '@millrace/rpc';
import type { Clients } from '../clients.ts';
import { parseTime, timeRemedy } from '../domain/times.ts';

/** On whose behalf a step calls a service. */
export interface ActionCall {
  readonly clients: Clients;
  /** `workspaces/{workspace}`. */
  readonly workspace: string;
  /** Name of the pipeline. */
  readonly pipeline: string;
  /** Name of the run. */
  readonly pipelineRun: string;
  /** The same each time the call is made for this attempt, so that the service gives the same resource. */
  readonly requestId: string;
  /** Signal and time of calls. */
  readonly options: CallOptions;
}

/** What a step gave. */
export interface ActionOutcome {
  readonly outputs: Readonly<Record<string, string>>;
  readonly rows?: bigint;
  /** Name of the resource that did the work. */
  readonly resource?: string;
  /** For people. */
  readonly message?: string;
}

/** Remote work as it stands. */
export interface RemoteState {
  readonly execution: Execution | undefined;
  /** What the work gave, once it has succeeded; throws an AppError where its result is a failure of the step. */
  outcome(): ActionOutcome;
}

/** What a started call left behind: an outcome at once, or work to follow by this name. */
export type Started = { readonly outcome: ActionOutcome } | { readonly outcome?: undefined; readonly resource: string };

/** How one kind of step is done by a service. */
export interface StepAction<D extends DescMessage = DescMessage> {
  readonly schema: D;
  /** Makes the idempotent call. */
  start(spec: MessageShape<D>, call: ActionCall): Promise<Started>;
  /** Follows the work to its end; a stream may be followed again when it breaks. */
  watch?(resource: string, spec: MessageShape<D>, call: ActionCall): AsyncIterable<RemoteState>;
  /** Stops the work; left out where the service has no such call. */
  stop?(resource: string, call: ActionCall): Promise<unknown>;
  /**
   * What the result depends on beyond the resolved definition: where it equals that of the last success, the step is
   * unchanged. Undefined: it runs. Left out: the step always runs, since its effect depends on outside state.
   */
  pins?(spec: MessageShape<D>, call: ActionCall): Promise<unknown>;
}

/** Keeps the type of each action's message while they stand in one table. */
export function action<D extends DescMessage>(definition: StepAction<D>): StepAction {
  return definition as unknown as StepAction;
}

/** The moment that a resolved text names; an empty text gives undefined. Throws INVALID_ARGUMENT `TIME_INVALID`. */
export function optionalTime(field: string, text: string): Timestamp | undefined {
  return text === '' ? undefined : requiredTime(field, text);
}

/** The moment that a resolved text names. Throws INVALID_ARGUMENT `TIME_INVALID`. */
export function requiredTime(field: string, text: string): Timestamp {
  const time = parseTime(text);
  if (time) return timestampFromDate(time);
  throw invalidArgument('TIME_INVALID', [{ field, reason: 'TIME_INVALID', description: timeRemedy(text) }]);
}
