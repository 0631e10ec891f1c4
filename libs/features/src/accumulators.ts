import { toSql } from './sql.ts';
import { SQL_TYPES } from './types.ts';
import type { AggregateFunction, CompiledFeature } from './view.ts';

/** A feature over a window. */
export type WindowFeature = CompiledFeature & { readonly kind: 'window' };

/**
 * One partial aggregate that tiles carry. Every one is exact or a pure choice (integers, least, greatest), so that the
 * order in which parts are combined cannot change a bit of the result: offline and online agree by construction.
 */
export interface Accumulator {
  /** Column name, unique in the view. */
  readonly column: string;
  /** Aggregates rows, whose input is the column `input`. */
  readonly ofRows: string;
  /** Combines partial aggregates. */
  readonly combine: 'sum' | 'min' | 'max';
  /** SQL type of the partial aggregate; null is the empty one. */
  readonly sqlType: string;
}

/** The distinct inputs of a view's window features, each with its accumulators. */
export interface WindowInput {
  /** Column that holds the input in the rows; undefined for counting rows. */
  readonly column: string | undefined;
  /** The input's SQL over the source. */
  readonly sql: string | undefined;
  readonly accumulators: readonly Accumulator[];
}

/** 2^96 and 2^-96: doubles are split into a whole part and a fraction in units of 2^-96, each summed as a 128-bit integer. */
const FRACTION = '79228162514264337593543950336e0';
const FRACTION_UNIT = '1.262177448353619e-29';
/** Doubles of magnitude 2^96 and more, NaN and infinities make a sum NaN; 2^30 smaller ones fit 128 bits. */
const SUM_LIMIT = FRACTION;
/** Integers of magnitude 2^48 and more make a standard deviation NaN; 2^30 squares of smaller ones fit 128 bits. */
const SQUARE_LIMIT = 2n ** 48n;

/** What each aggregate gives, for documents. All pass over rows whose `over` is null. */
export const AGGREGATES: readonly { readonly name: AggregateFunction; readonly doc: string }[] = [
  { name: 'count', doc: 'int64: how many rows, or how many rows with a value. 0 for an empty window.' },
  {
    name: 'sum',
    doc: 'The type of its input (booleans as 0 and 1). int64 is exact, and null when the sum does not fit. float64 is a sum in fixed point with 96 binary digits after the point, rounded once at the end: the same whatever the order of the rows. NaN, an infinity or a value of 2^96 or more makes it NaN. Null for an empty window.',
  },
  { name: 'mean', doc: 'float64: the sum, as above, divided by the count. Null for an empty window.' },
  { name: 'min', doc: 'The least value, by the order of comparisons. Null for an empty window.' },
  { name: 'max', doc: 'The greatest value; NaN is the greatest float64. Null for an empty window.' },
  {
    name: 'last',
    doc: 'The value of the row with the greatest (event time, available time, value). Null for an empty window.',
  },
  {
    name: 'stddev',
    doc: 'float64: the sample standard deviation (n − 1), from the sums of values and squares. int64 is exact up to the last division while n · Σx² fits 128 bits, and NaN with a value of 2^48 or more; float64 loses digits when the mean is much greater than the deviation (relative error about (mean / deviation)² · 2^-53). Null for fewer than two values.',
  },
];

/** Which inputs the features read, and what has to be kept of each. `prefix` keeps column names apart. */
export function windowInputs(features: readonly WindowFeature[]): WindowInput[] {
  const groups = new Map<string, WindowFeature[]>();
  for (const f of features) {
    const key = f.over ? toSql(f.over) : '';
    groups.set(key, [...(groups.get(key) ?? []), f]);
  }
  return [...groups].map(([sql, members], i) => {
    const over = members[0]!.over;
    const column = over ? `o${i}` : undefined;
    const functions = new Set(members.map((f) => f.function));
    const has = (...names: string[]) => names.some((name) => functions.has(name as never));
    const type = over?.type ?? 'int64';
    const accumulators: Accumulator[] = [];
    const add = (name: string, ofRows: string, combine: Accumulator['combine'], sqlType: string) =>
      accumulators.push({ column: `${name}${i}`, ofRows, combine, sqlType });

    if (has('count', 'mean', 'stddev')) add('n', column ? `count(${column})` : 'count(*)', 'sum', 'BIGINT');
    if (has('sum', 'mean', 'stddev')) {
      if (type === 'int64') add('s', `sum(${column})`, 'sum', 'HUGEINT');
      else for (const [name, rows] of splitSum(column!, SUM_LIMIT)) add(name, rows, 'sum', 'HUGEINT');
    }
    if (has('stddev')) {
      if (type === 'int64') {
        const fits = `${column} > -${SQUARE_LIMIT} AND ${column} < ${SQUARE_LIMIT}`;
        const wide = `CAST(${column} AS HUGEINT)`;
        add('q', `sum(CASE WHEN ${fits} THEN ${wide} * ${wide} END)`, 'sum', 'HUGEINT');
        add('qx', `count(*) FILTER (NOT (${fits}))`, 'sum', 'HUGEINT');
      } else {
        for (const [name, rows] of splitSum(`(${column} * ${column})`, SUM_LIMIT, 'q'))
          add(name, rows, 'sum', 'HUGEINT');
      }
    }
    if (has('min')) add('mn', `min(${column})`, 'min', SQL_TYPES[type]);
    if (has('max')) add('mx', `max(${column})`, 'max', SQL_TYPES[type]);
    if (has('last'))
      add(
        'l',
        `max(struct_pack(e := e, a := a, v := ${column})) FILTER (${column} IS NOT NULL)`,
        'max',
        `STRUCT(e BIGINT, a BIGINT, v ${SQL_TYPES[type]})`,
      );
    return { column, sql: column ? sql : undefined, accumulators };
  });
}

/** Sum of doubles as three exact integers: whole parts, fractions, and how many could not be taken. */
function splitSum(x: string, limit: string, prefix = ''): [string, string][] {
  // False for NaN and infinities, which are above every limit. DuckDB evaluates arguments before FILTER, hence CASE.
  const fits = `abs(${x}) < ${limit}`;
  const total = (part: string) => `sum(CASE WHEN ${fits} THEN TRY_CAST(${part} AS HUGEINT) END)`;
  return [
    [`${prefix}h`, total(`trunc(${x})`)],
    [`${prefix}f`, total(`(${x} - trunc(${x})) * ${FRACTION}`)],
    [`${prefix}x`, `count(*) FILTER (NOT (${fits}))`],
  ];
}

/** The feature's value from the combined accumulators of its window; `of` gives the SQL of an accumulator by its name. */
export function windowValueSql(feature: WindowFeature, of: (name: string) => string): string {
  const type = SQL_TYPES[feature.type];
  const isInt = feature.over?.type === 'int64';
  const sum = (prefix = '') => {
    const [h, f, x] = ['h', 'f', 'x'].map((part) => of(prefix + part));
    return `CASE WHEN ${x} > 0 THEN CAST('nan' AS DOUBLE) ELSE CAST(${h} AS DOUBLE) + CAST(${f} AS DOUBLE) * ${FRACTION_UNIT} END`;
  };
  switch (feature.function) {
    case 'count':
      return `CAST(coalesce(${of('n')}, 0) AS ${type})`;
    case 'sum':
      return isInt ? `TRY_CAST(${of('s')} AS ${type})` : sum();
    case 'mean':
      return `(${isInt ? `CAST(${of('s')} AS DOUBLE)` : `(${sum()})`} / nullif(CAST(${of('n')} AS DOUBLE), 0))`;
    case 'min':
      return `CAST(${of('mn')} AS ${type})`;
    case 'max':
      return `CAST(${of('mx')} AS ${type})`;
    case 'last':
      return `CAST(struct_extract(${of('l')}, 'v') AS ${type})`;
    case 'stddev':
      return stddevSql(isInt, of, sum);
  }
}

/** Sample standard deviation from n, Σx and Σx²; exact up to the last division for integers that fit 128 bits. */
function stddevSql(isInt: boolean, of: (name: string) => string, sum: (prefix?: string) => string): string {
  const n = `CAST(${of('n')} AS HUGEINT)`;
  const floating = (s: string, q: string) =>
    `greatest(0e0, ((${q}) - (${s}) * (${s}) / CAST(${of('n')} AS DOUBLE)) / CAST(${of('n')} - 1 AS DOUBLE))`;
  const bad = isInt ? `${of('qx')} > 0` : `${of('x')} > 0 OR ${of('qx')} > 0`;
  const exact = () =>
    `CAST(TRY(${n} * ${of('q')} - ${of('s')} * ${of('s')}) AS DOUBLE) / CAST(${n} * (${n} - 1) AS DOUBLE)`;
  const variance = isInt
    ? `coalesce(${exact()}, ${floating(`CAST(${of('s')} AS DOUBLE)`, `CAST(${of('q')} AS DOUBLE)`)})`
    : floating(sum(), sum('q'));
  return `CASE WHEN ${of('n')} > 1 THEN CASE WHEN ${bad} THEN CAST('nan' AS DOUBLE) ELSE TRY(sqrt(${variance})) END END`;
}
