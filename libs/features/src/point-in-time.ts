import { invalidArgument } from '@millrace/kernel';
import { boundaryIndexSql } from './durations.ts';
import { quoteIdentifier } from './sql.ts';
import { SQL_TYPES } from './types.ts';
import type { CompiledFeatureView } from './view.ts';
import { type Cte, keyNames, kindsOf, lastKnownCtes, sourceCtes, windowCtes } from './view-sql.ts';

/** A view in a training set. */
export interface PointInTimeView {
  readonly view: CompiledFeatureView;
  /** The source's rows: what stands after FROM, a quoted name or a query in parentheses. Not checked: never a user's text. */
  readonly relation: string;
  /** Which label column holds each key of the view, by key; the column of the same name unless given. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Put before the names of this view's features in the answer; nothing unless given. */
  readonly prefix?: string;
}

/** What {@link pointInTimeSql} makes a query of. */
export interface PointInTimeRequest {
  readonly labels: {
    /** As in {@link PointInTimeView}. */
    readonly relation: string;
    /** Column of the moment at which features are looked up: a timestamp in UTC. */
    readonly time: string;
    /** Label columns to hand through, in this order. */
    readonly passthrough: readonly string[];
  };
  readonly views: readonly PointInTimeView[];
}

/**
 * SQL of the point-in-time join: for each label row, in the labels' order and with duplicates kept, the columns handed
 * through and then all features of all views, each as of the view's last refresh boundary at or before the label's time.
 * Keys are equal by value and type; a null key or time matches nothing. Without any row `count` is 0 and all else null.
 *
 * Throws INVALID_ARGUMENT `FEATURE_NAME_CONFLICT` when two columns of the answer would have one name.
 */
export function pointInTimeSql({ labels, views }: PointInTimeRequest): string {
  checkNames(labels.passthrough, views);
  const time = `epoch_us(CAST(${quoteIdentifier(labels.time)} AS TIMESTAMP))`;
  const columns = [
    'row_number() OVER () AS "row"',
    ...labels.passthrough.map((name, i) => `${quoteIdentifier(name)} AS c${i}`),
    ...views.flatMap(({ view, keys }, v) => [
      ...view.keys.map((key, i) => {
        const column = quoteIdentifier(keys?.[key.name] ?? key.name);
        return `TRY_CAST(${column} AS ${SQL_TYPES[key.type]}) AS v${v}_k${i}`;
      }),
      `${boundaryIndexSql(view.refresh, time, false)} AS v${v}_i`,
    ]),
  ];
  const ctes: Cte[] = [{ name: 'labels', sql: `SELECT ${columns.join(', ')} FROM ${labels.relation}` }];
  const selected = labels.passthrough.map((name, i) => `labels.c${i} AS ${quoteIdentifier(name)}`);
  const joins: string[] = [];

  for (const [v, { view, relation, prefix: namePrefix = '' }] of views.entries()) {
    const prefix = `v${v}_`;
    const probes = `${prefix}probes`;
    const keys = keyNames(view);
    const present = [...keys, 'i'].map((c) => `${prefix}${c} IS NOT NULL`).join(' AND ');
    const distinct = [...keys, 'i'].map((c) => `${prefix}${c} AS ${c}`).join(', ');
    const options = {
      view,
      relation,
      prefix,
      indexMin: `(SELECT min(i) FROM ${probes})`,
      indexMax: `(SELECT max(i) FROM ${probes})`,
    };
    const kinds = kindsOf(view);
    ctes.push(
      { name: probes, sql: `SELECT DISTINCT ${distinct} FROM labels WHERE ${present}` },
      ...sourceCtes(options),
    );
    if (kinds.windows) ctes.push(...windowCtes(options, probes));
    if (kinds.lastKnown) ctes.push(...lastKnownCtes(options, probes));
    for (const part of [kinds.windows ? 'windows' : '', kinds.lastKnown ? 'known' : '']) {
      if (part === '') continue;
      const on = [...keys, 'i'].map((c) => `labels.${prefix}${c} = ${prefix}${part}.${c}`).join(' AND ');
      joins.push(`LEFT JOIN ${prefix}${part} ON ${on}`);
    }
    for (const [n, f] of view.features.entries()) {
      const value = `${prefix}${f.kind === 'window' ? 'windows' : 'known'}.w${n}`;
      const filled = f.kind === 'window' && f.function === 'count' ? `coalesce(${value}, 0)` : value;
      selected.push(`CAST(${filled} AS ${SQL_TYPES[f.type]}) AS ${quoteIdentifier(namePrefix + f.name)}`);
    }
  }
  return `${withSql(ctes)}\nSELECT ${selected.join(', ')}\nFROM labels ${joins.join('\n')}\nORDER BY labels."row"`;
}

/** `WITH …`; the parts that several others read are computed once. */
export function withSql(ctes: readonly Cte[]): string {
  const once = (name: string) => name === 'labels' || /(probes|rows|versions|tiles)$/.test(name);
  return `WITH ${ctes.map((c) => `${c.name} AS ${once(c.name) ? 'MATERIALIZED ' : ''}(${c.sql})`).join(',\n')}`;
}

function checkNames(passthrough: readonly string[], views: readonly PointInTimeView[]): void {
  const seen = new Set<string>();
  const all = [
    ...passthrough.map((name) => ({ name, field: 'labels.passthrough' })),
    ...views.flatMap(({ view, prefix = '' }, i) =>
      view.features.map((f) => ({ name: prefix + f.name, field: `views[${i}]` })),
    ),
  ];
  for (const { name, field } of all) {
    if (seen.has(name.toLowerCase()))
      throw invalidArgument('FEATURE_NAME_CONFLICT', [
        {
          field,
          reason: 'FEATURE_NAME_CONFLICT',
          description: `Two columns would be named "${name}". Give one of the views a prefix.`,
        },
      ]);
    seen.add(name.toLowerCase());
  }
}
