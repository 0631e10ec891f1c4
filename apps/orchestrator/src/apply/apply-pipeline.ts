import { fromJson } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Pipeline } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { PipelineSchema } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import type { Clock } from '@millrace/kernel';
import { AppError, invalidArgument, invariant, isAppError, names } from '@millrace/kernel';
import { completeName } from '@millrace/pipelines';
import type { Database, Tx } from '@millrace/postgres';
import type { Clients } from '../clients.ts';
import { checkPipeline } from '../domain/check-pipeline.ts';
import { nextTick, parseCron } from '../domain/cron.ts';
import { lastId, workspaceOf } from '../domain/model.ts';
import { mapTexts } from '../domain/texts.ts';
import { saveCalendarSchedules, saveCronSchedules } from '../store/clocks.ts';
import type { PipelineRow } from '../store/pipelines.ts';
import { getPipeline, lockPipeline, savePipeline } from '../store/pipelines.ts';
import { saveTriggers } from '../store/triggers.ts';
import { etagOf, toDefinition, toPipeline } from '../translate.ts';
import { checkNames } from './check-names.ts';
import { differences } from './differences.ts';
import { broughtResources } from './kinds.ts';
import type { Planned } from './resources.ts';
import { applyResources, checkFeatures, planResources } from './resources.ts';

/** Characters of a pipeline's text, at most. */
const YAML_MAX = 4 * 1024 * 1024;

/** What applying works with. */
export interface ApplyDeps {
  readonly database: Database;
  readonly clients: Clients;
  readonly clock: Clock;
}

/** What is applied, and how. */
export interface ApplyRequest {
  readonly pipeline: Pipeline;
  readonly yaml: string;
  readonly validateOnly: boolean;
}

/**
 * Checks all of a pipeline, then applies its resources through their services in the order of their dependencies, then
 * stores it. Applying is repeatable: what is there already as wanted is left alone, so a call that was cut off is mended
 * by the next one.
 *
 * @throws AppError INVALID_ARGUMENT `PIPELINE_INVALID` with every wrong field, or a service's own error with the fields
 * of the pipeline; ABORTED `ETAG_MISMATCH` when a set etag is not that of the stored pipeline.
 */
export async function applyPipeline(
  deps: ApplyDeps,
  request: ApplyRequest,
): Promise<{ pipeline: Pipeline; plan: Planned[] }> {
  const { database, clients } = deps;
  const workspaceName = workspaceOf(request.pipeline.name);
  names.pipeline.parse(request.pipeline.name, 'pipeline.name');
  const pipeline = complete(request.pipeline);
  if (request.yaml.length > YAML_MAX) throw tooLong(request.yaml.length);
  const violations = [...checkPipeline(pipeline)];
  if (violations.length > 0) throw invalidArgument('PIPELINE_INVALID', violations);
  const stored = await getPipeline(database, pipeline.name);
  checkEtag(pipeline, stored);
  const brought = broughtResources(pipeline.resources);
  const before = stored ? fromJson(PipelineSchema, stored.definition as never) : undefined;
  const plan = await planResources(clients, brought, broughtResources(before?.resources));
  if (!request.validateOnly) violations.push(...(await checkNames(clients, pipeline, brought)));
  try {
    await checkFeatures(clients, workspaceName, brought, plan);
  } catch (error) {
    if (!isAppError(error) || violations.length === 0) throw error;
    violations.push(...error.violations);
  }
  if (violations.length > 0) throw invalidArgument('PIPELINE_INVALID', violations);
  const planned = [...plan.values(), planPipeline(pipeline, stored)];
  if (request.validateOnly) return { pipeline: stored ? { ...pipeline, etag: stored.etag } : pipeline, plan: planned };
  await applyResources(clients, workspaceName, brought, plan);
  const row = await database.withTransaction((tx) => store(tx, deps.clock, pipeline, request.yaml));
  return { pipeline: toPipeline(row), plan: planned };
}

/** Bare ids as names of the pipeline's workspace, as the file's reader completes them. */
function complete(pipeline: Pipeline): Pipeline {
  const workspace = lastId(workspaceOf(pipeline.name));
  return mapTexts(PipelineSchema, pipeline, '', ({ field, path, text }) => {
    try {
      return completeName(field, text, workspace);
    } catch (error) {
      if (!isAppError(error)) throw error;
      const description = error.violations[0]?.description ?? error.message;
      throw invalidArgument(error.reason, [{ field: path, reason: error.reason, description }]);
    }
  });
}

function planPipeline(pipeline: Pipeline, stored: PipelineRow | undefined): Planned {
  const { name } = pipeline;
  if (!stored) return { name, kind: 'CREATE', details: [] };
  const before = stored.definition as Record<string, never>;
  const details = differences(toDefinition(pipeline) as never, before, before);
  return { name, kind: details.length > 0 ? 'UPDATE' : 'NONE', details };
}

async function store(tx: Tx, clock: Clock, pipeline: Pipeline, yaml: string): Promise<PipelineRow> {
  const { name } = pipeline;
  const stored = await lockPipeline(tx, name);
  checkEtag(pipeline, stored);
  const definition = toDefinition(pipeline);
  const etag = etagOf(definition);
  if (stored?.etag === etag && stored.yaml === yaml) return stored;
  const now = clock.now();
  const workspace = workspaceOf(name);
  const row = await savePipeline(tx, { name, workspace, definition, yaml, etag, now });
  const active = pipeline.schedules.filter(({ paused }) => !paused);
  const crons = active.flatMap(({ id, clock: by, timeZone }) => {
    if (by.case !== 'cron') return [];
    const nextAt = nextTick(parseCron(by.value, timeZone), now);
    invariant(nextAt, `"${by.value}" comes true again`);
    return [{ schedule: id, cron: by.value, timeZone, nextAt }];
  });
  await saveCronSchedules(tx, name, crons);
  const calendars = active.flatMap(({ id, clock: by }) => {
    if (by.case !== 'calendar' || !by.value.every) return [];
    return [{ schedule: id, calendar: by.value.calendar, everyMs: durationMs(by.value.every) }];
  });
  await saveCalendarSchedules(tx, name, workspace, calendars);
  const triggers = pipeline.triggers.map(({ id, subject }) => ({ trigger: id, subject }));
  await saveTriggers(tx, name, workspace, triggers, now);
  return row;
}

function checkEtag(pipeline: Pipeline, stored: PipelineRow | undefined): void {
  if (pipeline.etag === '' || pipeline.etag === stored?.etag) return;
  throw new AppError(
    'ABORTED',
    `Pipeline "${pipeline.name}" has the etag "${stored?.etag ?? ''}", not "${pipeline.etag}": it was changed meanwhile. Get it again and repeat the change.`,
    { reason: 'ETAG_MISMATCH', fields: { name: pipeline.name } },
  );
}

function tooLong(length: number): AppError {
  return invalidArgument('PIPELINE_INVALID', [
    { field: 'yaml', reason: 'YAML_TOO_LONG', description: `has ${length} characters, more than ${YAML_MAX}.` },
  ]);
}
