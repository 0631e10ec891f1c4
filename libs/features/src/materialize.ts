import { invalidArgument } from '@millrace/kernel';
import { boundaryIndex } from './durations.ts';
import { withSql } from './point-in-time.ts';
import { quoteIdentifier } from './sql.ts';
import { SQL_TYPES } from './types.ts';
import type { CompiledFeatureView } from './view.ts';
import { type Cte, equal, keyNames, kindsOf, lastKnownCtes, sourceCtes, spanMax, windowCtes } from './view-sql.ts';

/** What {@link materializeSql} makes a query of. */
export interface MaterializeRequest {
  readonly view: CompiledFeatureView;
  /** The source's rows: what stands after FROM. Not checked: never a user's text. */
  readonly relation: string;
  /** First moment of the range, in microseconds since 1970-01-01 UTC; the first boundary is the first one at or after it. */
  readonly from: bigint;
  /** Last moment of the range, inclusive. A view without refresh has a boundary at every moment and needs `from` = `to`. */
  readonly to: bigint;
}

/**
 * SQL of the rows to write to the online store: the view's keys by name, `event_time` and `created_time` (both the
 * boundary), and all features, ordered by boundary and keys. There is a row for every entity at every boundary of the
 * range at which it has a last known row, or a row in a window, or had one in a window at the boundary before: then the
 * row says that the window is empty now. So the newest row at or before t holds the values of `pointInTimeSql` at t.
 *
 * Throws INVALID_ARGUMENT `MATERIALIZATION_RANGE_INVALID`.
 */
export function materializeSql({ view, relation, from, to }: MaterializeRequest): string {
  const { cadenceMicros, offsetMicros } = view.refresh;
  const first = boundaryIndex(view.refresh, from + cadenceMicros - 1n);
  const last = boundaryIndex(view.refresh, to);
  if (to < from || (cadenceMicros === 1n && from !== to))
    throw invalidArgument('MATERIALIZATION_RANGE_INVALID', [
      {
        field: 'to',
        reason: 'MATERIALIZATION_RANGE_INVALID',
        description:
          to < from
            ? `${to} is before "from", ${from}.`
            : `View "${view.name}" has no refresh, so it can be materialized for one moment only: set "from" equal to "to".`,
      },
    ]);

  const prefix = 'v_';
  const options = { view, relation, prefix, indexMin: String(first), indexMax: String(last) };
  const kinds = kindsOf(view);
  const keys = keyNames(view).join(', ');
  const end = `CAST(${last + 1n} AS BIGINT)`;
  const start = (column: string) => `greatest(${column}, CAST(${first} AS BIGINT))`;
  const ranges = [
    ...(kinds.windows
      ? [
          `SELECT ${keys}, unnest(range(${start('b')}, least(b + ${spanMax(view) + 1n}, ${end}))) AS i FROM (SELECT DISTINCT ${keys}, b FROM v_rows WHERE b >= ${first - spanMax(view)} AND b <= ${last})`,
        ]
      : []),
    ...(kinds.lastKnown
      ? [
          `SELECT ${keys}, unnest(range(${start('g')}, ${end})) AS i FROM (SELECT ${keys}, min(g) AS g FROM v_rows WHERE g <= ${last} GROUP BY ${keys})`,
        ]
      : []),
  ];
  const ctes: Cte[] = [
    ...sourceCtes(options),
    { name: 'v_probes', sql: ranges.length > 1 ? ranges.join(' UNION ') : `SELECT DISTINCT * FROM (${ranges[0]})` },
  ];
  if (kinds.windows) ctes.push(...windowCtes(options, 'v_probes'));
  if (kinds.lastKnown) ctes.push(...lastKnownCtes(options, 'v_probes'));

  const boundary = `make_timestamp(CAST(${offsetMicros} + p.i * ${cadenceMicros} AS BIGINT))`;
  const selected = [
    ...view.keys.map((key, i) => `p.k${i} AS ${quoteIdentifier(key.name)}`),
    `${boundary} AS event_time`,
    `${boundary} AS created_time`,
    ...view.features.map(
      (f, n) =>
        `CAST(v_${f.kind === 'window' ? 'windows' : 'known'}.w${n} AS ${SQL_TYPES[f.type]}) AS ${quoteIdentifier(f.name)}`,
    ),
  ];
  const joins = [kinds.windows ? 'v_windows' : '', kinds.lastKnown ? 'v_known' : '']
    .filter((part) => part !== '')
    .map((part) => `JOIN ${part} ON ${equal(view, 'p', part)} AND p.i = ${part}.i`);
  const order = ['p.i', ...keyNames(view).map((k) => `p.${k}`)].join(', ');
  return `${withSql(ctes)}\nSELECT ${selected.join(', ')}\nFROM v_probes AS p ${joins.join(' ')}\nORDER BY ${order}`;
}
