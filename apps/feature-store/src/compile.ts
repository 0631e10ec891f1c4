import { toJson } from '@bufbuild/protobuf';
import type { Entity, Feature, FeatureView } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { AggregateFunction, FeatureViewSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type {
  AggregateFunction as AggregateName,
  ColumnSchema,
  CompiledFeatureView,
  Expression,
  FeatureDefinition,
  FeatureType,
  FeatureViewDefinition,
  SerializeSql,
} from '@millrace/features';
import { compileExpression, compileFeatureView, quoteIdentifier, toSql } from '@millrace/features';
import {
  type AppError,
  canonicalJson,
  type FieldViolation,
  invalidArgument,
  isAppError,
  names,
} from '@millrace/kernel';
import type { TableEngine } from '@millrace/tables';
import { BoundedMap } from './bounded-map.ts';
import { durationMicros, durationText } from './domain/times.ts';
import { featureTypeOf, nameOfType } from './types.ts';

/** A view that was checked against the columns of its dataset. */
export interface CheckedView {
  readonly id: string;
  readonly compiled: CompiledFeatureView;
  /** SQL over the dataset's columns, by the entity's keys in order. */
  readonly keySql: readonly string[];
  /** The entity's keys, in order. */
  readonly joinKeys: readonly string[];
  /** By feature, in order. */
  readonly types: readonly FeatureType[];
}

/** Inside of queries the n-th key of a view is a column of this name, whatever its expression. */
export const keyColumn = (i: number): string => `__key_${i}`;

const AGGREGATES: Readonly<Record<number, AggregateName>> = {
  [AggregateFunction.COUNT]: 'count',
  [AggregateFunction.SUM]: 'sum',
  [AggregateFunction.MEAN]: 'mean',
  [AggregateFunction.MIN]: 'min',
  [AggregateFunction.MAX]: 'max',
  [AggregateFunction.LAST]: 'last',
};

/** Texts whose syntax trees are kept, and checked views. */
const CACHE_MAX = 500;

/** Checks expressions and views; remembers what it has checked. */
export interface Compiler {
  expression(text: string, schema: readonly ColumnSchema[], field: string): Promise<Expression>;
  /** Throws one INVALID_ARGUMENT with everything that is wrong with the view, the paths beginning with `field`. */
  view(view: FeatureView, entity: Entity, schema: readonly ColumnSchema[], field: string): Promise<CheckedView>;
}

/** Makes a compiler that parses with the table engine. */
export function createCompiler(tables: TableEngine): Compiler {
  const trees = new BoundedMap<string, unknown>(CACHE_MAX);
  const views = new BoundedMap<string, CheckedView>(CACHE_MAX);
  const serializeSql: SerializeSql = async (sql) => {
    const known = trees.get(sql);
    if (known !== undefined) return known;
    const tree = await tables.withConnection(async (connection) => {
      const [row] = await connection.rows<{ tree: string }>(
        'SELECT CAST(json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true) AS VARCHAR) AS tree',
        [sql],
      );
      return JSON.parse(row!.tree) as unknown;
    });
    trees.set(sql, tree);
    return tree;
  };
  const expression: Compiler['expression'] = (text, schema, field) =>
    compileExpression(text, { schema, serializeSql, field });
  return {
    expression,
    async view(view, entity, schema, field) {
      const key = canonicalJson([toJson(FeatureViewSchema, view), entity.joinKeys, schema]);
      const known = views.get(key);
      if (known) return known;
      const checked = await checkView({ view, entity, schema, field, expression, serializeSql });
      views.set(key, checked);
      return checked;
    },
  };
}

interface ViewCheck {
  readonly view: FeatureView;
  readonly entity: Entity;
  readonly schema: readonly ColumnSchema[];
  readonly field: string;
  readonly expression: Compiler['expression'];
  readonly serializeSql: SerializeSql;
}

async function checkView(check: ViewCheck): Promise<CheckedView> {
  const { view, entity, schema, field } = check;
  const id = names.featureView.parse(view.name, `${field}.name`).featureView;
  const violations: FieldViolation[] = [];
  const keys = await checkKeys(check, violations);
  const withKeys = [...schema, ...keys.map(({ type }, i) => ({ name: keyColumn(i), type }))];
  const features = await Promise.all(view.features.map((feature, i) => definitionOf(check, feature, i)));
  const definition: FeatureViewDefinition = {
    name: id,
    entityKeys: keys.map((_, i) => keyColumn(i)),
    source: view.dataset,
    eventTime: view.eventTime,
    ...(view.availableTime === '' ? {} : { availableTime: view.availableTime }),
    ...(view.refresh ? { refresh: durationText(durationMicros(view.refresh)) } : {}),
    ...(view.ttl ? { ttl: durationText(durationMicros(view.ttl)) } : {}),
    ...(view.rowKey.length > 0 ? { rowKey: view.rowKey } : {}),
    features,
  };
  const compiled = await collect(violations, field, () =>
    compileFeatureView(definition, { schema: withKeys, serializeSql: check.serializeSql, field }),
  );
  if (violations.length > 0 || !compiled)
    throw invalidArgument(violations[0]?.reason ?? 'FEATURE_VIEW_INVALID', violations);
  return {
    id,
    compiled,
    keySql: keys.map((key) => key.sql),
    joinKeys: entity.joinKeys.map((key) => key.name),
    types: compiled.features.map((feature) => feature.type),
  };
}

/** The expression of each key; a key that is wrong is reported and stands in as a text. */
async function checkKeys(
  { view, entity, schema, field, expression }: ViewCheck,
  violations: FieldViolation[],
): Promise<{ sql: string; type: FeatureType }[]> {
  return await Promise.all(
    entity.joinKeys.map(async (key, i) => {
      const text = view.keyExpressions[i] ?? quoteIdentifier(key.name);
      const at = `${field}.key_expressions[${i}]`;
      const compiled = await collect(violations, field, () => expression(text, schema, at));
      const wanted = featureTypeOf(key.type) ?? 'string';
      if (compiled && compiled.type !== wanted)
        violations.push({
          field: at,
          reason: 'EXPRESSION_TYPE',
          description: `The key "${key.name}" is ${nameOfType(key.type)}, but its expression gives ${compiled.type}. Use CAST, or change the entity's key.`,
        });
      return { sql: compiled ? toSql(compiled) : 'NULL', type: wanted };
    }),
  );
}

/** The feature with its type, which follows from the expression; what is wrong with the expression is reported later. */
async function definitionOf(
  { schema, field, expression }: ViewCheck,
  feature: Feature,
  i: number,
): Promise<FeatureDefinition> {
  const aggregate = AGGREGATES[feature.aggregate];
  const compiled = await expression(feature.expression, schema, `${field}.features[${i}].expression`).catch(
    () => undefined,
  );
  const common = { name: feature.name, ...(feature.description === '' ? {} : { doc: feature.description }) };
  if (!aggregate) return { ...common, expression: feature.expression, type: compiled?.type ?? 'float64' };
  const window = durationText(feature.window ? durationMicros(feature.window) : 0n);
  return {
    ...common,
    aggregate: { function: aggregate, window, over: feature.expression },
    type: aggregateType(aggregate, compiled?.type ?? 'float64'),
  };
}

function aggregateType(aggregate: AggregateName, over: FeatureType): FeatureType {
  if (aggregate === 'count') return 'int64';
  if (aggregate === 'mean' || aggregate === 'stddev') return 'float64';
  return aggregate === 'sum' && over === 'boolean' ? 'int64' : over;
}

const PATHS: readonly (readonly [RegExp, string])[] = [
  [/\.eventTime\b/, '.event_time'],
  [/\.availableTime\b/, '.available_time'],
  [/\.rowKey\b/, '.row_key'],
  [/\.entityKeys\b/, '.key_expressions'],
  [/\.aggregate\.over\b/, '.expression'],
  [/\.aggregate\.window\b/, '.window'],
  [/\.aggregate\.function\b/, '.aggregate'],
];

/** Runs a check; what it throws is added to the violations, with the contract's field paths. */
async function collect<T>(
  violations: FieldViolation[],
  field: string,
  action: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!isAppError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
    violations.push(...contractViolations(error, field));
    return undefined;
  }
}

/** The violations of an error of `libs/features`, with the contract's field paths. */
export function contractViolations(error: AppError, field: string): FieldViolation[] {
  const found: readonly FieldViolation[] =
    error.violations.length > 0 ? error.violations : [{ field, description: error.message, reason: error.reason }];
  return found.map((violation) => ({
    ...violation,
    field: PATHS.reduce((path, [pattern, name]) => path.replace(pattern, name), violation.field),
    reason: violation.reason ?? error.reason,
  }));
}
