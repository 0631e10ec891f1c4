import { AppError, type FieldViolation, invalidArgument, isAppError } from '@millrace/kernel';
import { compileExpression } from './compile.ts';
import { parseDuration, type Refresh } from './durations.ts';
import type { Expression } from './expression.ts';
import { suggestion } from './problems.ts';
import type { SerializeSql } from './syntax.ts';
import type { ColumnSchema, FeatureType, Value } from './types.ts';

/** What an aggregate computes over the rows of its window; nulls of `over` are passed over. */
export type AggregateFunction = 'count' | 'sum' | 'mean' | 'min' | 'max' | 'last' | 'stddev';

/** All aggregate functions. */
export const AGGREGATE_FUNCTIONS: readonly AggregateFunction[] = [
  'count',
  'sum',
  'mean',
  'min',
  'max',
  'last',
  'stddev',
];

/** One feature: either an expression (its last known value) or an aggregate over a window of available time. */
export interface FeatureDefinition {
  readonly name: string;
  /** SQL expression over the source's columns; the value of the last known row. */
  readonly expression?: string;
  readonly aggregate?: {
    readonly function: AggregateFunction;
    /** A duration, a multiple of the view's refresh: at boundary B it holds rows with available time in (B − window, B]. */
    readonly window: string;
    /** SQL expression; may be left out for `count`, which then counts rows. */
    readonly over?: string;
  };
  readonly type: FeatureType;
  readonly doc?: string;
}

/** A feature view as users write it. */
export interface FeatureViewDefinition {
  readonly name: string;
  /** Columns of the source that name the entity. A row with a null in one of them belongs to no entity. */
  readonly entityKeys: readonly string[];
  /** The dataset that it reads. */
  readonly source: string;
  /** Expression of type timestamp: when what the row says happened. Rows where it is null are passed over. */
  readonly eventTime: string;
  /** Expression of type timestamp: when the row became known. The event time unless given. */
  readonly availableTime?: string;
  /** Cadence of refresh, such as `1d`: values are as of the boundaries at its multiples since 1970-01-01 UTC. Without it, as of the very moment. */
  readonly refresh?: string;
  /** Moves the boundaries, such as `6h`; less than `refresh`. */
  readonly refreshOffset?: string;
  /**
   * Columns that name a row of the source: rows equal in all of them are versions of one row, and as of a boundary only
   * the newest available version counts in the windows. A null in one of them: the row has no other versions.
   */
  readonly rowKey?: readonly string[];
  /** Greatest age of a last known value (event time to boundary); equal counts. Does not touch windows. */
  readonly ttl?: string;
  readonly features: readonly FeatureDefinition[];
}

/** A checked feature. */
export type CompiledFeature = { readonly name: string; readonly type: FeatureType } & (
  | { readonly kind: 'last-known'; readonly expression: Expression }
  | {
      readonly kind: 'window';
      readonly function: AggregateFunction;
      readonly windowMicros: bigint;
      /** Undefined: count rows. Booleans are taken as 0 and 1 except by min, max, last and count. */
      readonly over: Expression | undefined;
    }
);

/** A checked feature view, from which SQL is made. */
export interface CompiledFeatureView {
  readonly name: string;
  readonly definition: FeatureViewDefinition;
  readonly keys: readonly ColumnSchema[];
  readonly eventTime: Expression;
  readonly availableTime: Expression;
  readonly refresh: Refresh;
  readonly ttlMicros: bigint | undefined;
  readonly rowKey: readonly ColumnSchema[];
  readonly features: readonly CompiledFeature[];
}

/** What a view is compiled against. */
export interface CompileViewOptions {
  /** The columns of the source. */
  readonly schema: readonly ColumnSchema[];
  readonly serializeSql: SerializeSql;
  /** Path of the definition in the request, for errors; `featureView` unless given. */
  readonly field?: string;
}

/** Most features in a view. */
export const FEATURES_MAX = 500;
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/**
 * Checks a feature view against its source's schema. Throws one INVALID_ARGUMENT AppError that holds all violations
 * found; its reason is the first one's: an EXPRESSION_* reason, DURATION_INVALID, or FEATURE_VIEW_INVALID.
 */
export async function compileFeatureView(
  definition: FeatureViewDefinition,
  options: CompileViewOptions,
): Promise<CompiledFeatureView> {
  const { schema, serializeSql, field: at = 'featureView' } = options;
  const problems = new Problems();
  const expression = (text: string, field: string) =>
    problems.collect(() => compileExpression(text, { schema, serializeSql, field: `${at}.${field}` }));
  const time = async (text: string, field: string) => {
    const compiled = await expression(text, field);
    if (compiled && compiled.type !== 'timestamp' && compiled.type !== 'date')
      problems.add(`${at}.${field}`, `is ${compiled.type}, but must be a timestamp. Use CAST(… AS TIMESTAMP).`);
    if (compiled?.type !== 'date') return compiled;
    return { kind: 'cast', type: 'timestamp', operand: compiled } as Expression;
  };

  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(definition.name)) problems.add(`${at}.name`, 'is not a resource id.');
  const keys = columns(definition.entityKeys, schema, `${at}.entityKeys`, problems);
  if (keys.length === 0) problems.add(`${at}.entityKeys`, 'names no column; a view needs at least one.');
  for (const key of keys)
    if (key.type === 'float64') problems.add(`${at}.entityKeys`, `"${key.name}" is float64, which cannot be a key.`);
  const rowKey = columns(definition.rowKey ?? [], schema, `${at}.rowKey`, problems);

  const eventTime = await time(definition.eventTime, 'eventTime');
  const availableTime =
    definition.availableTime === undefined ? eventTime : await time(definition.availableTime, 'availableTime');
  const refresh = await problems.collect(async () => readRefresh(definition, at));
  const ttlMicros = await problems.collect(async () =>
    definition.ttl === undefined ? undefined : parseDuration(definition.ttl, `${at}.ttl`, 'zero'),
  );

  const features: CompiledFeature[] = [];
  const used = new Set(keys.map((key) => key.name.toLowerCase()));
  if (definition.features.length === 0) problems.add(`${at}.features`, 'is empty; a view needs at least one feature.');
  if (definition.features.length > FEATURES_MAX) problems.add(`${at}.features`, `holds more than ${FEATURES_MAX}.`);
  for (const [i, feature] of definition.features.slice(0, FEATURES_MAX).entries()) {
    const field = `${at}.features[${i}]`;
    if (!NAME.test(feature.name))
      problems.add(
        `${field}.name`,
        `"${feature.name.slice(0, 80)}" is not a name: letters, digits and "_", at most 63.`,
      );
    if (['event_time', 'created_time'].includes(feature.name.toLowerCase()))
      problems.add(`${field}.name`, 'is reserved.');
    if (used.has(feature.name.toLowerCase()))
      problems.add(`${field}.name`, `"${feature.name}" is already taken in this view.`);
    used.add(feature.name.toLowerCase());
    const text = feature.aggregate ? feature.aggregate.over : feature.expression;
    const where = `features[${i}].${feature.aggregate ? 'aggregate.over' : 'expression'}`;
    const compiled = text === undefined ? undefined : await expression(text, where);
    const checked = problems.attempt(() => checkFeature(feature, compiled, text !== undefined, field, refresh, rowKey));
    if (checked) features.push(checked);
  }
  problems.throwIfAny();
  return {
    name: definition.name,
    definition,
    keys,
    eventTime: eventTime!,
    availableTime: availableTime!,
    refresh: refresh!,
    ttlMicros,
    rowKey,
    features,
  };
}

/** The value of each feature where no row is known: 0 for `count`, null for all others. For keys that the online store does not hold. */
export function emptyFeatureValues(view: CompiledFeatureView): Record<string, Value> {
  return Object.fromEntries(
    view.features.map((f) => [f.name, f.kind === 'window' && f.function === 'count' ? 0n : null]),
  );
}

function readRefresh(definition: FeatureViewDefinition, at: string): Refresh {
  const cadenceMicros = definition.refresh === undefined ? 1n : parseDuration(definition.refresh, `${at}.refresh`);
  const offsetMicros =
    definition.refreshOffset === undefined
      ? 0n
      : parseDuration(definition.refreshOffset, `${at}.refreshOffset`, 'zero');
  if (offsetMicros < cadenceMicros) return { cadenceMicros, offsetMicros };
  throw invalid(`${at}.refreshOffset`, `"${definition.refreshOffset}" must be less than the refresh.`);
}

function checkFeature(
  feature: FeatureDefinition,
  compiled: Expression | undefined,
  hasText: boolean,
  field: string,
  refresh: Refresh | undefined,
  rowKey: readonly ColumnSchema[],
): CompiledFeature | undefined {
  const { name, type, aggregate } = feature;
  if ((aggregate === undefined) === (feature.expression === undefined))
    throw invalid(field, 'needs either "expression" or "aggregate", and not both.');
  if (!aggregate) {
    if (!compiled) return undefined;
    return { name, type, kind: 'last-known', expression: toType(compiled, type, `${field}.type`) };
  }
  if (!AGGREGATE_FUNCTIONS.includes(aggregate.function))
    throw invalid(
      `${field}.aggregate.function`,
      `"${aggregate.function}" is not one of ${AGGREGATE_FUNCTIONS.join(', ')}.`,
    );
  if (!hasText && aggregate.function !== 'count')
    throw invalid(`${field}.aggregate.over`, `is missing: ${aggregate.function} needs an expression.`);
  const windowMicros = parseDuration(aggregate.window, `${field}.aggregate.window`);
  if (refresh && windowMicros % refresh.cadenceMicros !== 0n)
    throw invalid(`${field}.aggregate.window`, `"${aggregate.window}" is not a multiple of the refresh.`);
  if (rowKey.length > 0 && refresh?.cadenceMicros === 1n)
    throw invalid(`${field}.aggregate`, 'windows with a "rowKey" need a "refresh".');
  if (hasText && !compiled) return undefined;
  const over = aggregateInput(aggregate.function, compiled, `${field}.aggregate.over`);
  const gives = aggregateType(aggregate.function, over);
  if (type !== gives && !(type === 'float64' && gives === 'int64'))
    throw invalid(`${field}.type`, `is ${type}, but the aggregate gives ${gives}.`);
  return { name, type, kind: 'window', function: aggregate.function, windowMicros, over };
}

function aggregateInput(fn: AggregateFunction, over: Expression | undefined, field: string): Expression | undefined {
  if (!over || !['sum', 'mean', 'stddev'].includes(fn)) return over;
  if (over.type === 'boolean') return { kind: 'cast', type: 'int64', operand: over };
  if (over.type === 'int64' || over.type === 'float64') return over;
  throw invalid(field, `is ${over.type}, but ${fn} needs a number.`);
}

function aggregateType(fn: AggregateFunction, over: Expression | undefined): FeatureType {
  if (fn === 'count' || !over) return 'int64';
  return fn === 'mean' || fn === 'stddev' ? 'float64' : over.type;
}

function toType(expression: Expression, type: FeatureType, field: string): Expression {
  if (expression.type === type) return expression;
  if (expression.type === 'int64' && type === 'float64') return { kind: 'cast', type, operand: expression };
  throw invalid(field, `is ${type}, but the expression gives ${expression.type}. Use CAST, or change the type.`);
}

function columns(
  names: readonly string[],
  schema: readonly ColumnSchema[],
  field: string,
  problems: Problems,
): ColumnSchema[] {
  return names.flatMap((name, i) => {
    const column = schema.find((c) => c.name === name);
    if (!column)
      problems.add(
        `${field}[${i}]`,
        `There is no column "${name}".${suggestion(
          name,
          schema.map((c) => c.name),
        )}`,
      );
    return column ? [column] : [];
  });
}

function invalid(field: string, description: string): AppError {
  return invalidArgument('FEATURE_VIEW_INVALID', [{ field, reason: 'FEATURE_VIEW_INVALID', description }]);
}

/** Collects what is wrong, so that all of it is reported at once. */
class Problems {
  #first: AppError | undefined;
  readonly #violations: FieldViolation[] = [];

  add(field: string, description: string): void {
    this.#keep(invalid(field, description));
  }

  async collect<T>(make: () => Promise<T>): Promise<T | undefined> {
    try {
      return await make();
    } catch (error) {
      return this.#keep(error);
    }
  }

  attempt<T>(make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      return this.#keep(error);
    }
  }

  throwIfAny(): void {
    if (!this.#first) return;
    const message = this.#violations.map((v) => `${v.field}: ${v.description}`).join('\n');
    const { reason, fields } = this.#first;
    throw new AppError('INVALID_ARGUMENT', message, { reason, fields, violations: this.#violations });
  }

  #keep(error: unknown): undefined {
    if (!isAppError(error)) throw error;
    this.#first ??= error;
    this.#violations.push(...error.violations);
    return undefined;
  }
}
