import { type Accumulator, type WindowFeature, windowInputs, windowValueSql } from './accumulators.ts';
import { boundaryIndexSql } from './durations.ts';
import { quoteIdentifier, toSql } from './sql.ts';
import { SQL_TYPES } from './types.ts';
import type { CompiledFeature, CompiledFeatureView } from './view.ts';

/** A named part of a WITH clause. */
export interface Cte {
  readonly name: string;
  readonly sql: string;
}

/** What the parts of one view need to know. */
export interface ViewSqlOptions {
  readonly view: CompiledFeatureView;
  /** What stands after FROM: a name, or a query in parentheses. Trusted. */
  readonly relation: string;
  /** Put before the names of all parts. */
  readonly prefix: string;
  /** Bounds on the boundary numbers that will be asked for (SQL or digits), to read less; undefined for no bound. */
  readonly indexMin?: string;
  readonly indexMax?: string;
}

/** Names of the key columns inside of the query. */
export const keyNames = (view: CompiledFeatureView): string[] => view.keys.map((_, i) => `k${i}`);

const isWindow = (f: CompiledFeature): f is WindowFeature => f.kind === 'window';
const windowsOf = (view: CompiledFeatureView) => view.features.filter(isWindow);
const lastKnownOf = (view: CompiledFeatureView) =>
  view.features.filter((f): f is CompiledFeature & { kind: 'last-known' } => f.kind === 'last-known');

/** How many boundaries a window spans. */
const span = (view: CompiledFeatureView, f: WindowFeature): bigint => f.windowMicros / view.refresh.cadenceMicros;

/** The longest window in boundaries; zero without windows. */
export function spanMax(view: CompiledFeatureView): bigint {
  return (
    windowsOf(view)
      .map((f) => span(view, f))
      .sort((a, b) => (a < b ? 1 : -1))[0] ?? 0n
  );
}

/** Whether the view has features of each kind. */
export function kindsOf(view: CompiledFeatureView): { windows: boolean; lastKnown: boolean } {
  return { windows: windowsOf(view).length > 0, lastKnown: lastKnownOf(view).length > 0 };
}

/**
 * The source as the view sees it: keys, event time `e` and available time `a` in microseconds, and the input of each
 * feature. `b` is the number of the first boundary at which the row is available; for last known values `g` is the first
 * at which it also has happened.
 */
export function sourceCtes(o: ViewSqlOptions): Cte[] {
  const { view, prefix } = o;
  const kinds = kindsOf(view);
  const columns = [
    ...view.keys.map((key, i) => `CAST(${quoteIdentifier(key.name)} AS ${SQL_TYPES[key.type]}) AS k${i}`),
    `epoch_us(${toSql(view.eventTime)}) AS e`,
    `epoch_us(${toSql(view.availableTime)}) AS a`,
    ...windowInputs(windowsOf(view)).flatMap((input) => (input.column ? [`${input.sql} AS ${input.column}`] : [])),
    ...lastKnownOf(view).map((f, i) => `${toSql(f.expression)} AS p${i}`),
    ...view.rowKey.map((key, i) => `${quoteIdentifier(key.name)} AS r${i}`),
  ];
  const indexes = [
    kinds.windows ? `, ${boundaryIndexSql(view.refresh, 'a', true)} AS b` : '',
    kinds.lastKnown ? `, ${boundaryIndexSql(view.refresh, 'greatest(a, e)', true)} AS g` : '',
  ].join('');
  const present = ['e', 'a', ...keyNames(view)].map((c) => `${c} IS NOT NULL`).join(' AND ');
  return [
    {
      name: `${prefix}rows`,
      sql: `SELECT *${indexes} FROM (SELECT ${columns.join(', ')} FROM ${o.relation}) WHERE ${present}`,
    },
  ];
}

/**
 * Windowed features at the boundaries that `probes` (keys and boundary number `i`) asks for, as
 * `{prefix}windows(keys, i, w<n> for the n-th feature of the view)`.
 *
 * Rows are summed into tiles, one for each entity and boundary at which rows became available. The window at boundary i is
 * the tiles of (i − span, i], which a frame over tiles and probes together finds in one sorted pass. Superseded versions
 * of a row (rowKey) count from their own boundary until that of their successor: expected to be few, each is spread over
 * the boundaries where it counts and joined to the probes.
 */
export function windowCtes(o: ViewSqlOptions, probes: string): Cte[] {
  const { view, prefix } = o;
  const features = windowsOf(view);
  const keys = keyNames(view).join(', ');
  const accumulators = windowInputs(features).flatMap((input) => input.accumulators);
  const ofRows = accumulators.map((x) => `CAST(${x.ofRows} AS ${x.sqlType}) AS ${x.column}`).join(', ');
  const names = accumulators.map((x) => x.column).join(', ');
  const spans = [...new Set(features.map((f) => span(view, f)))].sort((a, b) => (a < b ? -1 : 1));
  const corrected = view.rowKey.length > 0;

  const read = `${prefix}rows${boundsSql(o)}`;
  const ctes: Cte[] = corrected
    ? [
        ...versionCtes(o, read),
        {
          name: `${prefix}tiles`,
          sql: `SELECT ${keys}, b, ${ofRows} FROM ${prefix}versions WHERE until IS NULL GROUP BY ${keys}, b`,
        },
        ...supersededCtes(o, ofRows, accumulators, spans),
      ]
    : [{ name: `${prefix}tiles`, sql: `SELECT ${keys}, b, ${ofRows} FROM ${read} GROUP BY ${keys}, b` }];

  const nulls = accumulators.map((x) => `CAST(NULL AS ${x.sqlType})`).join(', ');
  const frames = spans.map(
    (s) => `s${s} AS (PARTITION BY ${keys} ORDER BY i RANGE BETWEEN ${s - 1n} PRECEDING AND CURRENT ROW)`,
  );
  const rolled = spans.flatMap((s) =>
    accumulators.map((x) => `${x.combine}(${x.column}) OVER s${s} AS s${s}_${x.column}`),
  );
  ctes.push({
    name: `${prefix}rolled`,
    sql: `SELECT ${keys}, i, asked, ${rolled.join(', ')} FROM (SELECT ${keys}, b AS i, false AS asked, ${names} FROM ${prefix}tiles UNION ALL SELECT ${keys}, i, true, ${nulls} FROM ${probes}) WINDOW ${frames.join(', ')}`,
  });

  const values = features.map((f) => {
    const input = windowInputs(features).findIndex((x) => x.sql === (f.over ? toSql(f.over) : undefined));
    const of = (name: string) => {
      const x = accumulators.find((a) => a.column === `${name}${input}`)!;
      const column = `s${span(view, f)}_${x.column}`;
      return corrected ? combined(x, `n.${column}`, `old.${column}`) : `n.${column}`;
    };
    return `${windowValueSql(f, of)} AS w${view.features.indexOf(f)}`;
  });
  const old = corrected ? ` LEFT JOIN ${prefix}superseded AS old ON ${equal(view, 'n', 'old')} AND n.i = old.i` : '';
  const keyList = keyNames(view).map((k) => `n.${k}`);
  ctes.push({
    name: `${prefix}windows`,
    sql: `SELECT ${[...keyList, 'n.i', ...values].join(', ')} FROM ${prefix}rolled AS n${old} WHERE n.asked`,
  });
  return ctes;
}

/** `a.k0 = b.k0 AND …`: nulls match nothing. */
export function equal(view: CompiledFeatureView, a: string, b: string): string {
  return keyNames(view)
    .map((k) => `${a}.${k} = ${b}.${k}`)
    .join(' AND ');
}

/** Only rows that some window at a boundary asked for can hold. */
function boundsSql(o: ViewSqlOptions): string {
  const conditions = [
    ...(o.indexMin === undefined ? [] : [`b > ${o.indexMin} - ${spanMax(o.view)}`]),
    ...(o.indexMax === undefined ? [] : [`b <= ${o.indexMax}`]),
  ];
  return conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
}

/** Each row with `until`: the boundary at which its next version is available; null for the newest version. */
function versionCtes({ view, prefix }: ViewSqlOptions, read: string): Cte[] {
  const rowKey = view.rowKey.map((_, i) => `r${i}`);
  const inputs = windowInputs(windowsOf(view)).flatMap((input) => (input.column ? [input.column] : []));
  // Versions equal in both times are ordered by their content, so that the choice does not depend on the plan.
  const order = ['a', 'e', ...keyNames(view), ...inputs].join(', ');
  const known = rowKey.map((r) => `${r} IS NOT NULL`).join(' AND ');
  const next = `lead(b) OVER (PARTITION BY ${rowKey.join(', ')} ORDER BY ${order})`;
  return [{ name: `${prefix}versions`, sql: `SELECT *, CASE WHEN ${known} THEN ${next} END AS until FROM ${read}` }];
}

function supersededCtes(
  o: ViewSqlOptions,
  ofRows: string,
  accumulators: readonly Accumulator[],
  spans: readonly bigint[],
): Cte[] {
  const { view, prefix } = o;
  const keys = keyNames(view).join(', ');
  const first = o.indexMin === undefined ? 'b' : `greatest(b, ${o.indexMin})`;
  const end = `least(b + ${spanMax(view)}, until${o.indexMax === undefined ? '' : `, ${o.indexMax} + 1`})`;
  const parts = spans.flatMap((s) =>
    accumulators.map((x) => `${x.combine}(${x.column}) FILTER (i - b < ${s}) AS s${s}_${x.column}`),
  );
  return [
    {
      name: `${prefix}superseded`,
      sql: `SELECT ${keys}, i, ${parts.join(', ')} FROM (SELECT *, unnest(range(${first}, ${end})) AS i FROM (SELECT ${keys}, b, until, ${ofRows} FROM ${prefix}versions WHERE until > b GROUP BY ${keys}, b, until)) GROUP BY ${keys}, i`,
    },
  ];
}

/** Two partial aggregates as one; null is the empty one. */
function combined(x: Accumulator, a: string, b: string): string {
  if (x.combine === 'sum') return `CASE WHEN ${a} IS NULL THEN ${b} WHEN ${b} IS NULL THEN ${a} ELSE ${a} + ${b} END`;
  return `CASE WHEN ${b} IS NULL OR ${a} ${x.combine === 'max' ? '>=' : '<='} ${b} THEN ${a} ELSE ${b} END`;
}

/**
 * Last known values at the probes, as `{prefix}known(keys, i, w<n>)`: of the rows that have happened and are available
 * at the boundary, the one with the greatest (event time, available time, values).
 *
 * Both conditions hold from boundary g on. So the winner changes only at rows whose event time is the greatest so far in
 * the order of g, and an ASOF join finds it.
 */
export function lastKnownCtes(o: ViewSqlOptions, probes: string): Cte[] {
  const { view, prefix } = o;
  const features = lastKnownOf(view);
  const keys = keyNames(view).join(', ');
  const packed = features.map((_, i) => `p${i} := p${i}`).join(', ');
  const bound = o.indexMax === undefined ? '' : ` WHERE g <= ${o.indexMax}`;
  const { cadenceMicros, offsetMicros } = view.refresh;
  const fresh =
    view.ttlMicros === undefined
      ? undefined
      : `v.top.e >= ${offsetMicros} + p.i * ${cadenceMicros} - CAST(${view.ttlMicros} AS BIGINT)`;
  const values = features.map((f, i) => {
    const value = `v.top.p${i}`;
    return `${fresh ? `CASE WHEN ${fresh} THEN ${value} END` : value} AS w${view.features.indexOf(f)}`;
  });
  const keyList = keyNames(view).map((k) => `p.${k}`);
  return [
    {
      name: `${prefix}tops`,
      sql: `SELECT ${keys}, g, max(struct_pack(e := e, a := a, ${packed})) AS top FROM ${prefix}rows${bound} GROUP BY ${keys}, g`,
    },
    {
      name: `${prefix}leads`,
      sql: `SELECT * FROM (SELECT *, max(top.e) OVER (PARTITION BY ${keys} ORDER BY g ROWS UNBOUNDED PRECEDING) AS best FROM ${prefix}tops) WHERE top.e = best`,
    },
    {
      name: `${prefix}known`,
      sql: `SELECT ${[...keyList, 'p.i', ...values].join(', ')} FROM ${probes} AS p ASOF LEFT JOIN ${prefix}leads AS v ON ${equal(view, 'p', 'v')} AND p.i >= v.g`,
    },
  ];
}
