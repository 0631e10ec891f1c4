import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { Entity, FeatureService, FeatureView } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type { ColumnSchema, Expression, FeatureType } from '@millrace/features';
import { type FieldViolation, isAppError, names } from '@millrace/kernel';
import { type Compiler, contractViolations } from './compile.ts';
import { dataTypeOf, featureTypeOf, nameOfType } from './types.ts';

/** A column of a feature service, in the order of the model's inputs. */
export interface ServiceColumn {
  readonly name: string;
  /** UNSPECIFIED while the columns of a view's dataset are not known. */
  readonly type: DataType;
  readonly description: string;
  readonly source:
    | { readonly kind: 'request'; readonly column: string }
    | { readonly kind: 'view'; readonly projection: number; readonly feature: number }
    | { readonly kind: 'computed'; readonly feature: number };
}

/** A view in a service. */
export interface Projection {
  /** Id of the view. */
  readonly view: string;
  /** Begin of its columns' names, `__` included. */
  readonly prefix: string;
  /** Request column of each of the entity's keys, in order. */
  readonly keyColumns: readonly string[];
}

/** A feature service that was checked against its views. */
export interface ServicePlan {
  readonly service: FeatureService;
  readonly columns: readonly ServiceColumn[];
  readonly projections: readonly Projection[];
  /** In the order of the service; undefined where a type that the expression needs is not known yet. */
  readonly computed: readonly (Expression | undefined)[];
}

/** A view that a service may refer to. */
export interface KnownView {
  readonly view: FeatureView;
  readonly entity: Entity;
  readonly types: Readonly<Record<string, FeatureType>> | undefined;
}

/** Names that the columns of a training set have besides the service's. */
const RESERVED = new Set(['event_time', 'label']);

/** Checks a service; gives what is wrong with it in `violations`, the paths beginning with `field`. */
export async function planService(
  service: FeatureService,
  views: ReadonlyMap<string, KnownView>,
  compiler: Compiler,
  field: string,
): Promise<{ plan: ServicePlan; violations: FieldViolation[] }> {
  const violations: FieldViolation[] = [];
  const add = (at: string, reason: string, description: string) =>
    violations.push({ field: `${field}.${at}`, reason, description });
  checkRequestColumns(service, add);
  const columns: ServiceColumn[] = service.requestColumns.flatMap(({ name, type, passThrough }) =>
    passThrough ? [{ name, type, description: '', source: { kind: 'request', column: name } } as const] : [],
  );
  const projections: Projection[] = [];
  for (const [i] of service.views.entries()) {
    const projected = project(service, i, views, add);
    if (!projected) continue;
    columns.push(...projected.columns.map((column) => withProjection(column, projections.length)));
    projections.push(projected.projection);
  }
  const schema = columnsForExpressions(service, columns);
  const computed: (Expression | undefined)[] = [];
  for (const [i, feature] of service.requestFeatures.entries()) {
    const expression =
      schema &&
      (await compile(compiler, feature.expression, schema, `${field}.request_features[${i}].expression`, violations));
    computed.push(expression);
    columns.push({
      name: feature.name,
      type: expression ? dataTypeOf(expression.type) : DataType.UNSPECIFIED,
      description: '',
      source: { kind: 'computed', feature: i },
    });
  }
  checkNames(columns, add);
  return { plan: { service, columns, projections, computed }, violations };
}

type Add = (at: string, reason: string, description: string) => void;

function checkRequestColumns(service: FeatureService, add: Add): void {
  const seen = new Set<string>();
  for (const [i, { name, type }] of service.requestColumns.entries()) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name))
      add(
        `request_columns[${i}].name`,
        'NAME_INVALID',
        `${JSON.stringify(name.slice(0, 80))} is not a name: use letters, digits and "_", at most 63.`,
      );
    if (seen.has(name.toLowerCase()))
      add(`request_columns[${i}].name`, 'NAME_TAKEN', `"${name}" stands twice. Rename one of the two.`);
    if (!featureTypeOf(type))
      add(
        `request_columns[${i}].type`,
        'TYPE_UNSUPPORTED',
        `${nameOfType(type)} cannot be in a request. Use BOOLEAN, INT32, INT64, FLOAT32, FLOAT64, STRING, DATE or TIMESTAMP.`,
      );
    seen.add(name.toLowerCase());
  }
  const time = service.requestColumns.find((column) => column.name === service.eventTimeColumn);
  if (!time)
    add(
      'event_time_column',
      'COLUMN_NOT_FOUND',
      `There is no request column "${service.eventTimeColumn}". Declare it in request_columns, with type TIMESTAMP.`,
    );
  else if (time.type !== DataType.TIMESTAMP)
    add('event_time_column', 'EVENT_TIME_TYPE', `"${time.name}" is ${nameOfType(time.type)}, but must be TIMESTAMP.`);
}

type ViewColumn = Omit<ServiceColumn, 'source'> & { readonly feature: number };

const withProjection = ({ feature, ...column }: ViewColumn, projection: number): ServiceColumn => ({
  ...column,
  source: { kind: 'view', projection, feature },
});

function project(
  service: FeatureService,
  i: number,
  views: ReadonlyMap<string, KnownView>,
  add: Add,
): { projection: Projection; columns: ViewColumn[] } | undefined {
  const reference = service.views[i]!;
  const at = `views[${i}]`;
  const known = views.get(reference.featureView);
  if (!known) {
    add(
      `${at}.feature_view`,
      'FEATURE_VIEW_NOT_FOUND',
      `There is no feature view "${reference.featureView}". Apply it before, or with the service.`,
    );
    return undefined;
  }
  const { view, entity, types } = known;
  const id = names.featureView.parse(view.name).featureView;
  if (reference.prefix !== '' && !/^[a-z][a-z0-9_]{0,62}$/.test(reference.prefix))
    add(
      `${at}.prefix`,
      'NAME_INVALID',
      `"${reference.prefix.slice(0, 80)}" is not a prefix: use lower-case letters, digits and "_".`,
    );
  const prefix = `${reference.prefix || id.replaceAll('-', '_')}__`;
  const wanted = reference.features.length > 0 ? reference.features : view.features.map((feature) => feature.name);
  const columns = wanted.flatMap((name, f): ViewColumn[] => {
    const feature = view.features.findIndex((candidate) => candidate.name === name);
    if (feature < 0)
      add(
        `${at}.features[${f}]`,
        'FEATURE_NOT_FOUND',
        `View "${id}" has no feature "${name}". It has: ${view.features.map((c) => c.name).join(', ')}.`,
      );
    const type = types?.[name];
    if (feature < 0) return [];
    return [
      {
        name: prefix + name,
        type: type ? dataTypeOf(type) : DataType.UNSPECIFIED,
        description: view.features[feature]!.description,
        feature,
      },
    ];
  });
  for (const key of Object.keys(reference.keys))
    if (!entity.joinKeys.some((joinKey) => joinKey.name === key))
      add(
        `${at}.keys`,
        'KEY_NOT_FOUND',
        `The entity of view "${id}" has no key "${key}". It has: ${entity.joinKeys.map((k) => k.name).join(', ')}.`,
      );
  const keyColumns = entity.joinKeys.map((key) => {
    const name = reference.keys[key.name] ?? key.name;
    const column = service.requestColumns.find((candidate) => candidate.name === name);
    if (!column)
      add(
        `${at}.keys`,
        'COLUMN_NOT_FOUND',
        `The key "${key.name}" comes from the request column "${name}", which there is not. Declare it, or name another one.`,
      );
    else if (featureTypeOf(column.type) !== featureTypeOf(key.type))
      add(
        `${at}.keys`,
        'KEY_TYPE',
        `The key "${key.name}" is ${nameOfType(key.type)}, but the request column "${name}" is ${nameOfType(column.type)}.`,
      );
    return name;
  });
  return { projection: { view: id, prefix, keyColumns }, columns };
}

/** What request features may name; undefined while a type is not known. */
function columnsForExpressions(service: FeatureService, columns: readonly ServiceColumn[]): ColumnSchema[] | undefined {
  const ofRequest = service.requestColumns.map(({ name, type }) => ({ name, type: featureTypeOf(type) }));
  const ofViews = columns
    .filter((c) => c.source.kind === 'view')
    .map(({ name, type }) => ({ name, type: featureTypeOf(type) }));
  const all = [...ofRequest, ...ofViews];
  const known = all.flatMap(({ name, type }) => (type ? [{ name, type }] : []));
  return known.length === all.length ? known : undefined;
}

function checkNames(columns: readonly ServiceColumn[], add: Add): void {
  const seen = new Set<string>();
  for (const { name, source } of columns) {
    const at =
      source.kind === 'request'
        ? 'request_columns'
        : source.kind === 'view'
          ? `views[${source.projection}]`
          : `request_features[${source.feature}].name`;
    if (RESERVED.has(name.toLowerCase()))
      add(
        at,
        'NAME_RESERVED',
        `"${name}" is the name of a column that every training set has. Choose another one, or do not pass it through.`,
      );
    if (seen.has(name.toLowerCase()))
      add(at, 'NAME_TAKEN', `Two columns would be named "${name}". Give one of the views a prefix, or rename it.`);
    seen.add(name.toLowerCase());
  }
}

async function compile(
  compiler: Compiler,
  text: string,
  schema: readonly ColumnSchema[],
  field: string,
  violations: FieldViolation[],
): Promise<Expression | undefined> {
  try {
    return await compiler.expression(text, schema, field);
  } catch (error) {
    if (!isAppError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
    violations.push(...contractViolations(error, field));
    return undefined;
  }
}

/** The contract's form of a service's columns. */
export function fieldsOf(plan: ServicePlan) {
  return plan.columns.map(({ name, type, description }, i) => ({ id: i + 1, name, type, nullable: true, description }));
}
