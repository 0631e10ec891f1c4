import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type {
  GetOnlineFeaturesRequest,
  GetOnlineFeaturesResponseSchema,
} from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import { AggregateFunction } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import {
  FeatureStatus,
  type FeatureVector,
  type Value as ValueMessage,
} from '@millrace/contracts/millrace/featurestore/v1/training_set';
import {
  boundaryAtOrBefore,
  columnsOf,
  compileEvaluator,
  type Evaluator,
  type FeatureType,
  type Value,
} from '@millrace/features';
import { type FieldViolation, invalidArgument } from '@millrace/kernel';
import type { Deps } from './deps.ts';
import { judge } from './domain/freshness.ts';
import { fromWire, toWire, type WireValue } from './domain/requests.ts';
import { durationMicros, timestampOf } from './domain/times.ts';
import { entityKey } from './domain/values.ts';
import { type EntityValues, OnlineRows, type ReadView } from './online-rows.ts';
import { pinViews, planOf, requireService, type ViewWithEntity } from './resolve.ts';
import type { ServicePlan } from './service-plan.ts';
import { featureTypeOf, nameOfType } from './types.ts';

/** Rows of one request. */
const ROWS_MAX = 10_000;
/** Services that are kept ready. */
const SERVICES_MAX = 1000;

type Response = MessageInitShape<typeof GetOnlineFeaturesResponseSchema>;

interface ReadyProjection {
  readonly view: ReadView;
  readonly keyColumns: readonly string[];
  readonly cadenceMicros: bigint;
  /** The values of an entity that is not known. */
  readonly empty: readonly Value[];
}

interface RequestColumnPlan {
  readonly name: string;
  readonly type: FeatureType;
  readonly declared: DataType;
  readonly isNeeded: boolean;
}

/** A service, ready to answer. */
interface ReadyService {
  readonly plan: ServicePlan;
  readonly types: readonly FeatureType[];
  readonly requestColumns: readonly RequestColumnPlan[];
  readonly projections: readonly ReadyProjection[];
  readonly evaluators: readonly Evaluator[];
}

/** One view's part of the answer, by row. */
interface Looked {
  readonly values: readonly Value[];
  readonly status: FeatureStatus;
  readonly event: Timestamp;
}

/** Answers `GetOnlineFeatures`. */
export class OnlineFeatures {
  readonly #deps: Deps;
  readonly #rows: OnlineRows;
  readonly #services = new Map<string, ReadyService>();
  #changes = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#rows = new OnlineRows(deps, deps.changes);
    deps.changes.on((change) => {
      if (change !== 'unknown' && change.kind === 'values') return;
      this.#changes += 1;
      this.#services.clear();
    });
  }

  async get(request: GetOnlineFeaturesRequest): Promise<Response> {
    const ready = this.#services.get(request.featureService) ?? (await this.#load(request.featureService));
    const { columns, rows } = readRequest(ready, request);
    const times = columns.get(ready.plan.service.eventTimeColumn);
    const keys = ready.projections.map(({ keyColumns }) =>
      keysOf(
        keyColumns.map((name) => columns.get(name)!),
        rows,
      ),
    );
    const answers = await this.#rows.read(ready.projections.map(({ view }, p) => ({ view, keys: keys[p]! })));
    const looked = ready.projections.map((projection, p) => {
      const { materialized, rows: found } = answers[p]!;
      return found.map((row, r) => look(projection, row, materialized, times?.[r] as bigint | null | undefined));
    });
    return {
      featureNames: ready.plan.columns.map((column) => column.name),
      results: vectorsOf(ready, columns, looked, rows),
    };
  }

  async #load(name: string): Promise<ReadyService> {
    const before = this.#changes;
    const { service, views } = await requireService(this.#deps.database, name, 'feature_service');
    const typed = views.every((view) => view.types) ? views : await pinViews(this.#deps, views);
    const ready = prepare(await planOf(this.#deps, service, typed), typed);
    // What was loaded while definitions changed is used once and not kept.
    if (before === this.#changes || typed !== views) {
      if (this.#services.size >= SERVICES_MAX) this.#services.clear();
      this.#services.set(name, ready);
    }
    return ready;
  }
}

function prepare(plan: ServicePlan, views: readonly ViewWithEntity[]): ReadyService {
  const { service } = plan;
  const evaluators = plan.computed.map((expression) => compileEvaluator(expression!));
  const needed = new Set([
    ...plan.projections.flatMap((projection) => projection.keyColumns),
    ...plan.computed.flatMap((expression) => columnsOf(expression!)),
    ...service.requestColumns.filter((column) => column.passThrough).map((column) => column.name),
  ]);
  return {
    plan,
    types: plan.columns.map((column) => featureTypeOf(column.type)!),
    evaluators,
    requestColumns: service.requestColumns.map(({ name, type }) => ({
      name,
      type: featureTypeOf(type)!,
      declared: type,
      isNeeded: needed.has(name),
    })),
    projections: plan.projections.map(({ keyColumns }, p) => {
      const { number, types, view } = views[p]!;
      return {
        view: { number, types: view.features.map((feature) => types![feature.name]!) },
        keyColumns,
        cadenceMicros: durationMicros(view.refresh!),
        empty: view.features.map((feature) => (feature.aggregate === AggregateFunction.COUNT ? 0n : null)),
      };
    }),
  };
}

/** The request's columns as values; INVALID_ARGUMENT with everything that is wrong with them. */
function readRequest(
  ready: ReadyService,
  request: GetOnlineFeaturesRequest,
): { columns: Map<string, Value[]>; rows: number } {
  const violations: FieldViolation[] = [];
  const columns = new Map<string, Value[]>();
  let rows: number | undefined;
  for (const { name, type, declared, isNeeded } of ready.requestColumns) {
    const field = `columns.${name}`;
    const list = request.columns[name]?.values;
    if (!list) {
      if (isNeeded)
        violations.push({
          field,
          reason: 'REQUEST_COLUMN_MISSING',
          description: `The request has no column "${name}", ${nameOfType(declared)}. Give a value for each row.`,
        });
      continue;
    }
    rows ??= list.length;
    if (list.length !== rows)
      violations.push({
        field,
        reason: 'REQUEST_COLUMN_LENGTH',
        description: `has ${list.length} values, where other columns have ${rows}.`,
      });
    const values = list.map((value) => fromWire(value.kind as WireValue, type));
    const wrong = values.indexOf(undefined);
    if (wrong >= 0)
      violations.push({
        field: `${field}.values[${wrong}]`,
        reason: 'REQUEST_COLUMN_TYPE',
        description: `is ${list[wrong]!.kind.case}, but the column is ${nameOfType(declared)}.`,
      });
    columns.set(name, values as Value[]);
  }
  for (const name of Object.keys(request.columns))
    if (!ready.requestColumns.some((column) => column.name === name))
      violations.push({
        field: `columns.${name.slice(0, 80)}`,
        reason: 'REQUEST_COLUMN_UNKNOWN',
        description: `The service has no request column of this name. It has: ${ready.requestColumns.map((c) => c.name).join(', ')}.`,
      });
  if ((rows ?? 0) > ROWS_MAX)
    violations.push({
      field: 'columns',
      reason: 'TOO_MANY_ROWS',
      description: `The request has ${rows} rows; at most ${ROWS_MAX} are answered at once.`,
    });
  if (violations.length > 0) throw invalidArgument(violations[0]!.reason!, violations);
  return { columns, rows: rows ?? 0 };
}

function keysOf(columns: readonly (readonly Value[])[], rows: number): (string | undefined)[] {
  return Array.from({ length: rows }, (_, r) => entityKey(columns.map((values) => values[r]!)));
}

const TIMESTAMP = 'google.protobuf.Timestamp';
const UNSET: Timestamp = { $typeName: TIMESTAMP, seconds: 0n, nanos: 0 };

/** What a view says about one row of the request. */
function look(
  projection: ReadyProjection,
  row: EntityValues | undefined,
  materialized: bigint | undefined,
  time: bigint | null | undefined,
): Looked {
  const at = time ?? undefined;
  const boundary =
    at === undefined
      ? undefined
      : boundaryAtOrBefore({ cadenceMicros: projection.cadenceMicros, offsetMicros: 0n }, at);
  const freshness = judge({ at, boundary, event: row?.eventMicros, isPushed: row?.isPushed ?? false, materialized });
  if (!row) return { values: projection.empty, status: FeatureStatus.NOT_FOUND, event: UNSET };
  const status = freshness === 'fresh' ? FeatureStatus.PRESENT : FeatureStatus.OUTSIDE_MAX_AGE;
  return { values: row.values, status, event: { $typeName: TIMESTAMP, ...timestampOf(row.eventMicros) } };
}

function vectorsOf(
  ready: ReadyService,
  columns: ReadonlyMap<string, readonly Value[]>,
  looked: readonly (readonly Looked[])[],
  rows: number,
): NonNullable<Response['results']> {
  const computed = evaluate(ready, columns, looked, rows);
  return ready.plan.columns.map(({ source }, c) => {
    const type = ready.types[c]!;
    // Whole messages, with their type names: they are sent as they are, without being copied field by field.
    const vector: FeatureVector = {
      $typeName: 'millrace.featurestore.v1.FeatureVector',
      values: [],
      statuses: [],
      eventTimes: [],
    };
    for (let r = 0; r < rows; r++) {
      const seen = source.kind === 'view' ? looked[source.projection]![r]! : undefined;
      const value =
        source.kind === 'view'
          ? (seen!.values[source.feature] ?? null)
          : source.kind === 'request'
            ? columns.get(source.column)![r]!
            : computed[source.feature]![r]!;
      vector.values.push({
        $typeName: 'millrace.featurestore.v1.Value',
        kind: toWire(value, type) as ValueMessage['kind'],
      });
      vector.statuses.push(statusOf(value, seen?.status));
      if (seen) vector.eventTimes.push(seen.event);
    }
    return vector;
  });
}

function statusOf(value: Value, ofView: FeatureStatus | undefined): FeatureStatus {
  if (ofView !== undefined && ofView !== FeatureStatus.PRESENT) return ofView;
  return value === null ? FeatureStatus.NULL_VALUE : FeatureStatus.PRESENT;
}

/** The request features, by feature and row. */
function evaluate(
  ready: ReadyService,
  columns: ReadonlyMap<string, readonly Value[]>,
  looked: readonly (readonly Looked[])[],
  rows: number,
): Value[][] {
  if (ready.evaluators.length === 0) return [];
  const values: Value[][] = ready.evaluators.map(() => []);
  for (let r = 0; r < rows; r++) {
    const row: Record<string, Value> = {};
    for (const [name, list] of columns) row[name] = list[r]!;
    for (const { name, source } of ready.plan.columns)
      if (source.kind === 'view') row[name] = looked[source.projection]![r]!.values[source.feature] ?? null;
    for (const [e, evaluator] of ready.evaluators.entries()) values[e]!.push(evaluator(row));
  }
  return values;
}
