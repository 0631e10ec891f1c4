import { fromJson } from '@bufbuild/protobuf';
import type { Pipeline } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { PipelineSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { FieldViolation } from '@millrace/kernel';
import { invalidArgument, names } from '@millrace/kernel';
import { nearest } from '@millrace/pipelines';
import type { Tx } from '@millrace/postgres';
import { injectTraceparent } from '@millrace/telemetry';
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { dependenciesOf } from '../domain/graph.ts';
import { lastId, workspaceOf } from '../domain/model.ts';
import type { PipelineRow } from '../store/pipelines.ts';
import { getRunByCause, getRunByRequest, insertRun } from '../store/runs.ts';
import { insertSteps } from '../store/steps.ts';
import { readDefinition } from './definition.ts';
import type { EngineDeps } from './engine.ts';
import { startWaitingRuns } from './engine.ts';

/** Characters of a parameter's value, at most. */
const VALUE_MAX = 10_000;

/** Why a run begins, and what it is given. */
export interface RunRequest {
  readonly parameters: Readonly<Record<string, string>>;
  /** `manual`, `schedule:<id>` or `trigger:<id>`. */
  readonly cause: string;
  /** The event's id or the tick's time; a schedule or trigger begins one run for each. */
  readonly causeDetail: string;
  /** Unique in the workspace; empty: none. */
  readonly requestId: string;
}

/**
 * Creates a run and starts it, or lets it wait for its turn. The same request, tick or event gives the run that it began.
 * Gives the run's name.
 *
 * @throws AppError INVALID_ARGUMENT `PARAMETERS_INVALID` with every missing, unknown or overlong parameter.
 */
export async function createRun(
  tx: Tx,
  deps: EngineDeps,
  row: PipelineRow,
  request: RunRequest,
): Promise<{ readonly name: string; readonly isNew: boolean }> {
  const workspace = workspaceOf(row.name);
  const earlier = () => findEarlier(tx, row.name, workspace, request);
  const known = await earlier();
  if (known) return { name: known, isNew: false };
  const pipeline = fromJson(PipelineSchema, row.definition as never);
  const parameters = completeParameters(pipeline, request.parameters);
  const { nodes, steps } = readDefinition(pipeline);
  const name = names.pipelineRun.format({ workspace: lastId(workspace), pipelineRun: deps.ids.next() });
  const { traceId, headers } = beginTrace(deps, name, row.name, request.cause);
  const { cause, causeDetail, requestId } = request;
  const { definition } = row;
  const fields = { name, workspace, pipeline: row.name, definition, parameters, cause, causeDetail, requestId };
  if (!(await insertRun(tx, { ...fields, traceId, headers, now: deps.clock.now() }))) {
    return { name: (await earlier()) ?? name, isNew: false };
  }
  const newSteps = nodes.map((node) => ({
    step: node.id,
    action: steps.get(node.id)?.action.case ?? '',
    dependencies: dependenciesOf(node),
  }));
  await insertSteps(tx, name, newSteps);
  await startWaitingRuns(tx, deps, row.name);
  return { name, isNew: true };
}

/** The parameters of a run, defaults included. */
export function completeParameters(
  pipeline: Pipeline,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const violations: FieldViolation[] = [];
  const wrong = (name: string, reason: string, description: string) =>
    void violations.push({ field: `parameters["${name.slice(0, 80)}"]`, reason, description });
  const known = pipeline.parameters.map(({ name }) => name);
  for (const [name, value] of Object.entries(given)) {
    if (!known.includes(name)) {
      const hint = nearest(name, known);
      const remedy = hint ? `Did you mean "${hint}"?` : `It has: ${known.join(', ') || 'none'}.`;
      wrong(name, 'PARAMETER_UNKNOWN', `is not a parameter of the pipeline. ${remedy}`);
    } else if (value.length > VALUE_MAX) {
      wrong(name, 'PARAMETER_TOO_LONG', `has ${value.length} characters, more than ${VALUE_MAX}.`);
    }
  }
  const complete: Record<string, string> = {};
  for (const { name, defaultValue } of pipeline.parameters) {
    const value = given[name] ?? defaultValue;
    if (value === undefined) wrong(name, 'PARAMETER_MISSING', 'has no default, so a run must be given it.');
    else complete[name] = value;
  }
  if (violations.length > 0) throw invalidArgument('PARAMETERS_INVALID', violations);
  return complete;
}

async function findEarlier(
  tx: Tx,
  pipeline: string,
  workspace: string,
  { requestId, cause, causeDetail }: RunRequest,
): Promise<string | undefined> {
  const byRequest = requestId === '' ? undefined : await getRunByRequest(tx, workspace, requestId);
  return (byRequest ?? (await getRunByCause(tx, pipeline, cause, causeDetail)))?.name;
}

/** The root span of a run: a trace of its own, linked to the call, tick or event that began it. */
function beginTrace(
  deps: EngineDeps,
  run: string,
  pipeline: string,
  cause: string,
): { traceId: string; headers: Record<string, string> } {
  const begun = trace.getSpanContext(context.active());
  const attributes = { 'millrace.pipeline_run': run, 'millrace.pipeline': pipeline, 'millrace.cause': cause };
  const links = begun ? [{ context: begun }] : [];
  const span = deps.tracer.startSpan(
    `pipeline_run ${lastId(pipeline)}`,
    { attributes, links, root: true },
    ROOT_CONTEXT,
  );
  span.end();
  return { traceId: span.spanContext().traceId, headers: injectTraceparent(trace.setSpan(ROOT_CONTEXT, span)) };
}
