import { create, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { FieldSchema } from '@millrace/contracts/millrace/common/v1/table';
import type { CreateTrainingSetRequest } from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { Entity, FeatureService, FeatureView } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import {
  EntitySchema,
  FeatureServiceSchema,
  FeatureViewSchema,
} from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type { TrainingSetSpec } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { TrainingSetSpecSchema } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import type { ColumnSchema, Expression } from '@millrace/features';
import { enqueueJob } from '@millrace/jobs';
import { type FieldViolation, invalidArgument, invariant, isAppError, names } from '@millrace/kernel';
import { contractViolations } from './compile.ts';
import type { PinnedVersion } from './datasets.ts';
import type { Deps } from './deps.ts';
import { microsOf } from './domain/times.ts';
import { type PinnedView, pinViews, planOf, requireService } from './resolve.ts';
import { findTrainingSet, findTrainingSetByRequest, insertTrainingSet, type TrainingSetRow } from './store/runs.ts';
import { featureTypeOf, nameOfType } from './types.ts';

/** Kind of the jobs that make training sets. */
export const TRAINING_SET_JOB = 'training-set';

/** What a training set was made of, pinned at its creation. */
export interface TrainingSetPlan {
  readonly service: FeatureService;
  readonly labelVersion: PinnedVersion;
  /** In the order of the service's views. */
  readonly views: readonly { readonly view: FeatureView; readonly entity: Entity; readonly version: PinnedVersion }[];
}

/** What the plan is stored as. */
interface PlanJson {
  readonly service: JsonValue;
  readonly labelVersion: { name: string; manifest: string };
  readonly views: readonly { view: JsonValue; entity: JsonValue; version: { name: string; manifest: string } }[];
}

/** Pins versions and definitions, checks everything, and stores the training set with its job. */
export async function createTrainingSet(
  deps: Deps,
  request: CreateTrainingSetRequest,
): Promise<{ workspace: string; row: TrainingSetRow }> {
  const { workspace } = names.workspace.parse(request.parent, 'parent');
  const { requestId, spec } = request;
  invariant(spec, 'the contract requires a spec');
  if (requestId !== '') {
    const known = await findTrainingSetByRequest(deps.database, workspace, requestId);
    if (known) return { workspace, row: known };
  }
  checkSpec(spec);
  const { service, views } = await requireService(deps.database, spec.featureService, 'spec.feature_service');
  const pinned = await pinViews(deps, views);
  const label = await deps.datasets.pin(spec.labelDataset);
  await checkLabels(deps, service, spec, label.schema);
  const full = Object.assign(service, { columns: await fieldsOfService(deps, service, pinned) });
  const plan: PlanJson = {
    service: toJson(FeatureServiceSchema, full),
    labelVersion: label.version,
    views: pinned.map(({ view, entity, version }) => ({
      view: toJson(FeatureViewSchema, view),
      entity: toJson(EntitySchema, entity),
      version,
    })),
  };
  const id = deps.ids.next();
  const row = await deps.database.withTransaction(async (tx) => {
    const stored = {
      id,
      requestId,
      spec: toJson(TrainingSetSpecSchema, spec),
      plan: plan as unknown as JsonValue,
      now: deps.clock.now(),
    };
    const isNew = await insertTrainingSet(tx, workspace, stored);
    if (!isNew) return await findTrainingSetByRequest(tx, workspace, requestId);
    const resource = names.trainingSet.format({ workspace, trainingSet: id });
    await enqueueJob(tx, { id, kind: TRAINING_SET_JOB, resource, payload: { workspace, id } });
    return await findTrainingSet(tx, workspace, id);
  });
  invariant(row, 'a training set that was just stored is there');
  return { workspace, row };
}

async function fieldsOfService(deps: Deps, service: FeatureService, views: readonly PinnedView[]) {
  const { columns } = await planOf(deps, service, views);
  return columns.map(({ name, type, description }, i) =>
    create(FieldSchema, { id: i + 1, name, type, nullable: true, description }),
  );
}

function checkSpec(spec: TrainingSetSpec): void {
  const violations: FieldViolation[] = [];
  if (spec.rowsMax < 0n)
    violations.push({
      field: 'spec.rows_max',
      reason: 'ROWS_MAX_INVALID',
      description: `${spec.rowsMax} is negative. Give a number of rows, or 0 for all.`,
    });
  if (spec.startTime && spec.endTime && microsOf(spec.startTime) >= microsOf(spec.endTime))
    violations.push({
      field: 'spec.end_time',
      reason: 'TIME_RANGE_EMPTY',
      description: 'is not after start_time, so that no row can be in between.',
    });
  if (!names.dataset.matches(spec.labelDataset) && !names.datasetVersion.matches(spec.labelDataset))
    violations.push({
      field: 'spec.label_dataset',
      reason: 'RESOURCE_NAME_INVALID',
      description: `"${spec.labelDataset.slice(0, 120)}" is neither ${names.dataset.pattern} nor ${names.datasetVersion.pattern}.`,
    });
  if (violations.length > 0) throw invalidArgument(violations[0]!.reason!, violations);
}

/** The label dataset has the request columns; label and filter are expressions over its columns. */
async function checkLabels(
  deps: Deps,
  service: FeatureService,
  spec: TrainingSetSpec,
  schema: readonly ColumnSchema[],
): Promise<void> {
  const violations: FieldViolation[] = [];
  for (const { name, type } of service.requestColumns) {
    const column = schema.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
    if (!column)
      violations.push({
        field: 'spec.label_dataset',
        reason: 'REQUEST_COLUMN_MISSING',
        description: `The label dataset has no column "${name}", which the service asks for. It has: ${schema.map((c) => c.name).join(', ')}.`,
      });
    else if (column.type !== featureTypeOf(type))
      violations.push({
        field: 'spec.label_dataset',
        reason: 'REQUEST_COLUMN_TYPE',
        description: `The column "${name}" of the label dataset is ${column.type}, but the service asks for ${nameOfType(type)}.`,
      });
  }
  try {
    await compileLabels(deps, spec, schema);
  } catch (error) {
    if (!isAppError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
    violations.push(...contractViolations(error, 'spec'));
  }
  if (violations.length > 0) throw invalidArgument(violations[0]!.reason!, violations);
}

/** The label and the filter, checked; INVALID_ARGUMENT with both's violations. */
export async function compileLabels(
  deps: Pick<Deps, 'compiler'>,
  spec: TrainingSetSpec,
  schema: readonly ColumnSchema[],
): Promise<{ label: Expression; filter: Expression | undefined }> {
  const violations: FieldViolation[] = [];
  const compile = async (text: string, field: string, types: readonly string[]): Promise<Expression | undefined> => {
    try {
      const expression = await deps.compiler.expression(text, schema, field);
      if (types.includes(expression.type)) return expression;
      violations.push({
        field,
        reason: 'EXPRESSION_TYPE',
        description: `gives ${expression.type}, but must give ${types.join(' or ')}.`,
      });
    } catch (error) {
      if (!isAppError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
      violations.push(...contractViolations(error, field));
    }
    return undefined;
  };
  const label = await compile(spec.label, 'spec.label', ['boolean', 'int64', 'float64']);
  const filter = spec.filter === '' ? undefined : await compile(spec.filter, 'spec.filter', ['boolean']);
  if (!label || violations.length > 0) throw invalidArgument(violations[0]?.reason ?? 'EXPRESSION_TYPE', violations);
  return { label, filter };
}

/** The plan of a stored training set. */
export function planOfRow(row: TrainingSetRow): TrainingSetPlan {
  const plan = row.plan as unknown as PlanJson;
  return {
    service: fromJson(FeatureServiceSchema, plan.service),
    labelVersion: plan.labelVersion as PinnedVersion,
    views: plan.views.map(({ view, entity, version }) => ({
      view: fromJson(FeatureViewSchema, view),
      entity: fromJson(EntitySchema, entity),
      version: version as PinnedVersion,
    })),
  };
}

/** The spec of a stored training set. */
export function specOfRow(row: TrainingSetRow): TrainingSetSpec {
  return fromJson(TrainingSetSpecSchema, row.spec);
}
