import { finaliserConstants, mixConstants } from './hash.ts';
import { hllPrecision, hllRankMax, hllRegisters } from './hyperloglog.ts';
import type { ColumnSchema, ProfileOptions, TableProfile } from './model.ts';
import { momentsMagnitudeMax } from './moments.ts';
import { decodeProfileRow } from './profile-decode.ts';
import { fillOptions } from './profiler.ts';
import { finestWidthMs, hourRange, logGamma, smallestMagnitude } from './quantile-sketch.ts';

/** Cells in each row of the count table for texts; three rows are kept. */
export const countCells = 4096;

/** Bits for each HyperLogLog register in the SQL bit string: one for each possible rank. */
export const bitsPerRegister = hllRankMax + 1;

/** The query and the reader of its answer. */
export interface ProfileQuery {
  /** One SELECT for DuckDB 1.5 over one scan of the source; its answer is one row with the one VARCHAR column `profile`. */
  readonly sql: string;
  /** Reads that text into a profile. */
  decode(profile: string): TableProfile;
}

/** What {@link profileSql} profiles, besides the sizes of the sketches. */
export interface ProfileSqlOptions extends ProfileOptions {
  /** SQL of the relation behind FROM: a quoted table name, `read_parquet([…])`, or a subquery in parentheses. Trusted text. */
  readonly from: string;
}

/**
 * SQL that profiles every column of a relation in one scan.
 *
 * Memory does not grow with the number of rows: registers are a bit string of 17 KB a column and thread, bucket counts
 * at most some ten thousand integers (hours between 1900 and 2200 for times), texts an approximate top list and three
 * rows of {@link countCells} counters. When the top list shows that a text column has at most `topValuesMax` distinct
 * values, their exact counts are solved from the counters (peeling, as in invertible Bloom lookup tables).
 * Beyond, an entry's count is the count-min estimate: never too low, too high by more than its `error`
 * (e / 4096 of the non-null rows) with a probability below 5 % (Cormode and Muthukrishnan 2005);
 * `untrackedMax` is then the larger of the least listed count and a third of a `topValuesMax`-th of the rows.
 */
export function profileSql(schema: readonly ColumnSchema[], options: ProfileSqlOptions): ProfileQuery {
  const filled = fillOptions(schema, options);
  const log = logGamma(filled.relativeAccuracy);
  const offset = indexOffset(log);
  const parts = schema.map((column, i) => columnSql(column, i, log, offset, filled.topValuesMax));
  // Each stage is a subquery, so that an intermediate value is written once and computed once.
  let from = options.from;
  for (let stage = 0; stage < 5; stage++) {
    const exprs = parts.flatMap((part) => part.stages[stage] ?? []);
    const carried = stage === 0 ? '' : '*, ';
    if (exprs.length > 0) from = `(SELECT ${carried}${exprs.join(', ')} FROM ${from}) AS s${stage}`;
  }
  const entries = parts.map((part, i) => `'c${i}': {${part.aggregates.join(', ')}}`);
  return {
    sql: `SELECT to_json({'rows': count(*), ${entries.join(', ')}})::VARCHAR AS profile FROM ${from}`,
    decode: (profile) => decodeProfileRow(schema, filled, offset, profile),
  };
}

/** What is added to a bucket's index to make it positive for every trackable magnitude. */
function indexOffset(logOfGamma: number): number {
  return Math.ceil(-Math.log(smallestMagnitude) / logOfGamma) + 10;
}

interface ColumnSql {
  /** Expressions of stages 0 (clean value), 1 (64-bit image), 2 (words), 3 and 4 (mixing). */
  readonly stages: readonly (readonly string[])[];
  /** Fields of the column's answer. */
  readonly aggregates: readonly string[];
}

function columnSql(column: ColumnSchema, i: number, log: number, offset: number, topValuesMax: number): ColumnSql {
  if (column.type === 'string' || column.type === 'boolean') return textSql(column, i, topValuesMax);
  if (column.type === 'timestamp') return timestampSql(column, i);
  return numericSql(column, i, log, offset);
}

function numericSql(column: ColumnSchema, i: number, log: number, offset: number): ColumnSql {
  const whole = column.type === 'integer';
  const raw = `CAST(${quote(column.name)} AS DOUBLE)`;
  const bucket =
    `CASE WHEN abs(x${i}) < ${smallestMagnitude} THEN 0 ` +
    `WHEN x${i} > 0 THEN CAST(ceil(ln(x${i}) / ${log}) AS INTEGER) + ${offset} ` +
    `ELSE -CAST(ceil(ln(-x${i}) / ${log}) AS INTEGER) - ${offset} END`;
  // Integers have no NaN and no infinity, and never exceed the magnitude that moments accept.
  const moderate = whole ? `x${i}` : `m${i}`;
  return {
    stages: [
      whole ? [`${raw} AS x${i}`] : [`${raw} AS r${i}`, `CASE WHEN isfinite(${raw}) THEN ${raw} + 0.0 END AS x${i}`],
      [
        `${imageSql(`x${i}`)} AS u${i}`,
        `${bucket} AS b${i}`,
        ...(whole ? [] : [`CASE WHEN abs(x${i}) <= ${momentsMagnitudeMax} THEN x${i} END AS m${i}`]),
      ],
      ...mixingStages(i),
    ],
    aggregates: [
      `'valid': count(${whole ? 'x' : 'r'}${i})`,
      `'nans': ${whole ? 0 : `count_if(isnan(r${i}))`}`,
      `'plus': ${whole ? 0 : `count_if(r${i} = 'infinity'::DOUBLE)`}`,
      `'minus': ${whole ? 0 : `count_if(r${i} = '-infinity'::DOUBLE)`}`,
      `'zeros': count_if(x${i} = 0)`,
      `'negatives': count_if(x${i} < 0)`,
      ...rangeSql(`x${i}`, moderate),
      `'buckets': map_entries(histogram(b${i}))`,
      registersSql(`g${i}`, `h${i}`),
    ],
  };
}

function timestampSql(column: ColumnSchema, i: number): ColumnSql {
  const time = `floor(epoch_us(CAST(${quote(column.name)} AS TIMESTAMP)) / 1000.0)`;
  const hour = `CAST(floor(x${i} / ${finestWidthMs}.0) AS INTEGER)`;
  return {
    stages: [
      [`${time} AS x${i}`],
      [
        `${imageSql(`x${i}`)} AS u${i}`,
        // greatest and least pass over nulls, so a null has to be kept out.
        `CASE WHEN x${i} IS NOT NULL THEN greatest(${hourRange.first}, least(${hourRange.last}, ${hour})) END AS b${i}`,
      ],
      ...mixingStages(i),
    ],
    aggregates: [
      `'valid': count(x${i})`,
      ...rangeSql(`x${i}`, `x${i}`),
      `'buckets': map_entries(histogram(b${i}))`,
      registersSql(`g${i}`, `h${i}`),
    ],
  };
}

function textSql(column: ColumnSchema, i: number, topValuesMax: number): ColumnSql {
  const word = (shift: number) => `CAST((d${i} >> ${shift}) & 4294967295::UHUGEINT AS UBIGINT)`;
  const cells = (expr: string) => `map_entries(histogram(CAST(${expr} & ${countCells - 1} AS USMALLINT)))`;
  return {
    stages: [
      [`CAST(CAST(${quote(column.name)} AS ${column.type === 'boolean' ? 'BOOLEAN' : 'VARCHAR'}) AS VARCHAR) AS x${i}`],
      [`md5_number(x${i}) AS d${i}`],
      [`${word(0)} AS g${i}`, `${word(32)} AS h${i}`],
    ],
    aggregates: [
      `'valid': count(x${i})`,
      `'lengthMin': min(length(x${i}))`,
      `'lengthMax': max(length(x${i}))`,
      `'lengthTotal': CAST(sum(length(x${i})) AS BIGINT)`,
      `'top': approx_top_k(x${i}, ${topValuesMax + 1})`,
      `'cells': [${cells(`(g${i} >> 12)`)}, ${cells(`h${i}`)}, ${cells(`(h${i} >> 12)`)}]`,
      registersSql(`g${i}`, `h${i}`),
    ],
  };
}

function rangeSql(value: string, moderate: string): string[] {
  return [
    `'min': min(${value})`,
    `'max': max(${value})`,
    `'n': count(${moderate})`,
    `'mean': avg(${moderate})`,
    `'variance': var_pop(${moderate})`,
  ];
}

/** The 64-bit image of a finite double, as hashNumber takes it. */
function imageSql(x: string): string {
  return (
    `CASE WHEN abs(${x}) <= 9007199254740991 AND ${x} = floor(${x}) ` +
    `THEN CAST(${x} AS BIGINT) ELSE CAST(CAST(${x} AS BIT) AS BIGINT) END`
  );
}

/** Stages 2 to 4 of a number: words and first half of the finaliser, its second half, then the second hash word. */
function mixingStages(i: number): string[][] {
  const mask = 4294967295;
  const high = `CAST((u${i} >> 32) & ${mask} AS UBIGINT)`;
  const mixed = `xor(CAST(u${i} & ${mask} AS UBIGINT), (${high} * ${mixConstants.lowOfHigh}) & ${mask})`;
  const first = `(xor(${mixed}, ${mixed} >> 16) * ${finaliserConstants.first}) & ${mask}`;
  const second = `(xor(v${i}, v${i} >> 13) * ${finaliserConstants.second}) & ${mask}`;
  const other = `(xor(g${i} >> 12, w${i}) * ${mixConstants.highOfLow}) & ${mask}`;
  return [
    [`${first} AS v${i}`, `${high} AS w${i}`],
    [`xor(${second}, (${second}) >> 16) AS g${i}`],
    [`xor(${other}, (${other}) >> 15) AS h${i}`],
  ];
}

/** Bit string with one bit for each (register, rank) that occurs; rank = trailing zeros + 1. */
function registersSql(low: string, high: string): string {
  const rank = `bit_count(xor(${high} | 4294967296, (${high} | 4294967296) - 1))`;
  const bit = `CAST((${low} & ${(1 << hllPrecision) - 1}) * ${bitsPerRegister} + ${rank} AS INTEGER)`;
  return `'registers': CAST(bitstring_agg(${bit}, 0, ${hllRegisters * bitsPerRegister - 1}) AS VARCHAR)`;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
