import { invalidArgument } from '@millrace/kernel';
import type { BuilderOptions } from './builders.ts';
import { type CountRows, solveTopValues } from './count-cells.ts';
import { createRegisters, encodeHyperLogLog, type HyperLogLog, hllRankMax } from './hyperloglog.ts';
import {
  type ColumnProfile,
  type ColumnSchema,
  type Moments,
  profileFormatVersion,
  type TableProfile,
} from './model.ts';
import { linearSketch, logSketch } from './quantile-sketch.ts';

/** One entry of a DuckDB map in its JSON form. */
interface Entry {
  readonly key: number;
  readonly value: number;
}

interface ValueAnswer {
  readonly valid: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly n: number;
  readonly mean: number | null;
  readonly variance: number | null;
  readonly buckets: readonly Entry[] | null;
  readonly registers: string | null;
}

/** Counts are null when the relation is empty. */
interface NumericAnswer extends ValueAnswer {
  readonly nans: number | null;
  readonly plus: number | null;
  readonly minus: number | null;
  readonly zeros: number | null;
  readonly negatives: number | null;
}

interface TextAnswer {
  readonly valid: number;
  readonly lengthMin: number | null;
  readonly lengthMax: number | null;
  readonly lengthTotal: number | null;
  readonly top: readonly string[] | null;
  readonly cells: readonly (readonly Entry[] | null)[];
  readonly registers: string | null;
}

/** Reads the answer of the query of `profileSql`. `offset` is what the query added to bucket indices. */
export function decodeProfileRow(
  schema: readonly ColumnSchema[],
  options: BuilderOptions,
  offset: number,
  text: string,
): TableProfile {
  const answer = JSON.parse(text) as Record<string, unknown>;
  const rows = answer.rows;
  if (typeof rows !== 'number') {
    throw invalidArgument('BAD_PROFILE_ANSWER', [{ field: 'profile', description: 'is no answer of profileSql' }]);
  }
  const columns = schema.map((column, i) => decodeColumn(column, rows, answer[`c${i}`], options, offset));
  return { version: profileFormatVersion, rows, columns };
}

function decodeColumn(
  column: ColumnSchema,
  rows: number,
  answer: unknown,
  options: BuilderOptions,
  offset: number,
): ColumnProfile {
  const { name, type } = column;
  if (type === 'string' || type === 'boolean') return decodeText(name, type, rows, answer as TextAnswer, options);
  if (type === 'timestamp') {
    const a = answer as ValueAnswer;
    const quantiles = linearSketch((a.buckets ?? []).map(({ key, value }) => [key, value] as const));
    const { min, max } = a;
    return { kind: 'timestamp', name, type, count: rows, nulls: rows - a.valid, min, max, ...valueParts(a), quantiles };
  }
  const a = answer as NumericAnswer;
  return {
    kind: 'numeric',
    name,
    type,
    count: rows,
    nulls: rows - a.valid,
    nans: a.nans ?? 0,
    positiveInfinities: a.plus ?? 0,
    negativeInfinities: a.minus ?? 0,
    min: a.min,
    max: a.max,
    zeros: a.zeros ?? 0,
    negatives: a.negatives ?? 0,
    ...valueParts(a),
    quantiles: decodeLogSketch(a.buckets ?? [], options.relativeAccuracy, offset),
  };
}

function valueParts(answer: ValueAnswer): { moments: Moments; distinct: HyperLogLog } {
  const moments = { n: answer.n, mean: answer.mean ?? 0, m2: (answer.variance ?? 0) * answer.n };
  return { moments, distinct: decodeRegisters(answer.registers) };
}

function decodeLogSketch(entries: readonly Entry[], relativeAccuracy: number, offset: number) {
  const zeros = entries.find((entry) => entry.key === 0)?.value ?? 0;
  const positive = entries.filter((e) => e.key > 0).map((e) => [e.key - offset, e.value] as const);
  const negative = entries.filter((e) => e.key < 0).map((e) => [-e.key - offset, e.value] as const);
  return logSketch(relativeAccuracy, zeros, negative, positive);
}

function decodeText(
  name: string,
  type: 'string' | 'boolean',
  rows: number,
  answer: TextAnswer,
  options: BuilderOptions,
): ColumnProfile {
  const { lengthMin, lengthMax, lengthTotal } = answer;
  const some = lengthMin !== null && lengthMax !== null && lengthTotal !== null;
  const row = (i: number) => new Map((answer.cells[i] ?? []).map(({ key, value }) => [key, value]));
  const cells: CountRows = [row(0), row(1), row(2)];
  return {
    kind: 'categorical',
    name,
    type,
    count: rows,
    nulls: rows - answer.valid,
    lengths: some ? { min: lengthMin, max: lengthMax, total: lengthTotal } : null,
    distinct: decodeRegisters(answer.registers),
    top: solveTopValues(answer.top ?? [], cells, answer.valid, options.topValuesMax),
  };
}

function decodeRegisters(bits: string | null): HyperLogLog {
  const registers = createRegisters();
  const width = hllRankMax + 1;
  for (let at = bits?.indexOf('1') ?? -1; at >= 0; at = bits!.indexOf('1', at + 1)) {
    // Bits come in ascending order, so the last one of a register is its largest rank.
    registers[Math.floor(at / width)] = at % width;
  }
  return encodeHyperLogLog(registers);
}
