import type { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { Expression } from '@millrace/features';
import { boundaryAtOrBefore, columnsOf, pointInTimeSql, quoteIdentifier, quoteText, toSql } from '@millrace/features';
import { invariant } from '@millrace/kernel';
import { type CheckedView, keyColumn } from './compile.ts';
import type { ServicePlan } from './service-plan.ts';
import { sqlNameOf } from './types.ts';
import { neededAfter, viewRelation } from './view-relation.ts';

/** A view of a training set, by projection of its service. */
export interface TrainingView {
  readonly checked: CheckedView;
  /** SQL that reads its dataset. */
  readonly base: string;
}

/** What the rows of a training set are made of. */
export interface TrainingSetQuery {
  readonly plan: ServicePlan;
  readonly views: readonly TrainingView[];
  readonly labels: {
    /** SQL that reads the label dataset. */
    readonly base: string;
    readonly label: Expression;
    readonly filter: Expression | undefined;
    /** Bounds on the event time in microseconds; the end is exclusive. */
    readonly start: bigint | undefined;
    readonly end: bigint | undefined;
    /** 0: all rows. */
    readonly rowsMax: bigint;
    readonly seed: bigint;
  };
}

const LABEL = '__label';
const typed = (sql: string, type: DataType): string => {
  const name = sqlNameOf(type);
  invariant(name, `columns of type ${type} are refused when a service is applied`);
  return `CAST(${sql} AS ${name})`;
};

/**
 * The rows of a training set: `event_time`, the service's columns, `label`, sorted by event time and then by all columns.
 * Rows without an event time or a label teach nothing and are left out.
 *
 * All features follow from the request columns. When those that matter are handed to the model, as in most services, sorting the
 * labels before the join sorts the result, at a fraction of the cost; `isSorted` tells whether that is so.
 */
export function trainingSetSql(query: TrainingSetQuery): { sql: string; isSorted: boolean } {
  const { plan, labels } = query;
  const { service } = plan;
  const isSorted = followsFromInputs(plan);
  const time = quoteIdentifier(service.eventTimeColumn);
  const pit = pointInTimeSql({
    labels: {
      relation: labelsSql(query, isSorted),
      time: service.eventTimeColumn,
      passthrough: [...service.requestColumns.map((column) => column.name), LABEL],
    },
    views: plan.projections.map(({ prefix, keyColumns }, p) => {
      const { checked, base } = query.views[p]!;
      const { compiled } = checked;
      const after =
        labels.start === undefined
          ? undefined
          : neededAfter(compiled, boundaryAtOrBefore(compiled.refresh, labels.start));
      const used = new Set(
        plan.columns.flatMap(({ source }) =>
          source.kind === 'view' && source.projection === p ? [source.feature] : [],
        ),
      );
      return {
        view: { ...compiled, features: compiled.features.filter((_, f) => used.has(f)) },
        relation: viewRelation(checked, base, { after, until: labels.end }),
        keys: Object.fromEntries(keyColumns.map((column, i) => [keyColumn(i), column])),
        prefix,
      };
    }),
  });
  const columns = plan.columns.map(({ name, type, source }) => {
    const value = source.kind === 'computed' ? toSql(required(plan.computed[source.feature])) : quoteIdentifier(name);
    return `${typed(value, type)} AS ${quoteIdentifier(name)}`;
  });
  const sql = `SELECT ${[`${time} AS event_time`, ...columns, `CAST(${LABEL} AS DOUBLE) AS label`].join(', ')} FROM (${pit})`;
  return { sql, isSorted };
}

/** The label rows with the request columns and the label. */
function labelsSql({ plan, labels }: TrainingSetQuery, isSorted: boolean): string {
  const { requestColumns, eventTimeColumn } = plan.service;
  const time = `CAST(${quoteIdentifier(eventTimeColumn)} AS TIMESTAMP)`;
  const columns = requestColumns.map(
    ({ name, type }) => `${typed(quoteIdentifier(name), type)} AS ${quoteIdentifier(name)}`,
  );
  const label = toSql(labels.label);
  const conditions = [
    `${time} IS NOT NULL`,
    `${label} IS NOT NULL`,
    ...(labels.start === undefined ? [] : [`${time} >= make_timestamp(${labels.start})`]),
    ...(labels.end === undefined ? [] : [`${time} < make_timestamp(${labels.end})`]),
    ...(labels.filter ? [toSql(labels.filter)] : []),
  ];
  const selected = `SELECT ${columns.join(', ')}, ${label} AS ${LABEL} FROM (${labels.base}) WHERE ${conditions.join(' AND ')}`;
  const sampled =
    labels.rowsMax > 0n
      ? sampleSql(
          selected,
          requestColumns.map((c) => c.name),
          labels.rowsMax,
          labels.seed,
        )
      : selected;
  if (!isSorted) return `(${sampled})`;
  const passed = requestColumns.filter((c) => c.passThrough).map((c) => c.name);
  const order = [eventTimeColumn, ...passed, LABEL].map((name) => `${quoteIdentifier(name)} NULLS LAST`).join(', ');
  return `(SELECT * FROM (${sampled}) ORDER BY ${order})`;
}

/** The rows with the smallest MD5 of seed and content: the same rows on every machine, whatever their order. */
function sampleSql(rows: string, columns: readonly string[], rowsMax: bigint, seed: bigint): string {
  const content = [...columns, LABEL].map((name) => `coalesce(CAST(${quoteIdentifier(name)} AS VARCHAR), chr(1))`);
  const hash = `md5_number_lower(concat_ws(chr(31), ${quoteText(String(seed))}, ${content.join(', ')}))`;
  return `SELECT * FROM (${rows}) ORDER BY ${hash} LIMIT ${rowsMax}`;
}

/** Whether every request column that a feature depends on is the event time or is handed to the model. */
function followsFromInputs({ service, projections, computed }: ServicePlan): boolean {
  const inputs = new Set(service.requestColumns.filter((c) => c.passThrough).map((c) => c.name.toLowerCase()));
  inputs.add(service.eventTimeColumn.toLowerCase());
  const ofRequest = new Set(service.requestColumns.map((c) => c.name.toLowerCase()));
  const needed = [...projections.flatMap((p) => p.keyColumns), ...computed.flatMap((e) => columnsOf(required(e)))];
  return needed.map((name) => name.toLowerCase()).every((name) => inputs.has(name) || !ofRequest.has(name));
}

function required(expression: Expression | undefined): Expression {
  invariant(expression, 'the types of all views are known when a training set is made');
  return expression;
}
