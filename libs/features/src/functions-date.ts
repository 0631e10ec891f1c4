import { civilFromDays, dayOf, daysFromCivil, floorDiv, MICROS } from './calendar.ts';
import type { Expression } from './expression.ts';
import type { FunctionSpec } from './function-spec.ts';
import type { Value } from './types.ts';

const partOf = (e: Expression | undefined): string => (e as { value: string }).value.toLowerCase();

const oneOf = (parts: readonly string[]) => (v: Value) =>
  typeof v === 'string' && parts.includes(v.toLowerCase()) ? undefined : `must be one of ${parts.join(', ')}`;

const int = (x: number) => BigInt(x);
const weekday = (days: number) => (((days + 4) % 7) + 7) % 7; // 1970-01-01 was a Thursday; Sunday is 0
const isoWeekday = (days: number) => weekday(days) || 7;

/** The parts of a moment. */
const PARTS: Readonly<Record<string, (t: bigint) => bigint>> = {
  year: (t) => int(civilFromDays(dayOf(t)).year),
  quarter: (t) => int(Math.ceil(civilFromDays(dayOf(t)).month / 3)),
  month: (t) => int(civilFromDays(dayOf(t)).month),
  week: (t) => {
    const thursday = dayOf(t) - isoWeekday(dayOf(t)) + 4;
    return int(Math.floor((thursday - daysFromCivil(civilFromDays(thursday).year, 1, 1)) / 7) + 1);
  },
  day: (t) => int(civilFromDays(dayOf(t)).day),
  doy: (t) => int(dayOf(t) - daysFromCivil(civilFromDays(dayOf(t)).year, 1, 1) + 1),
  dow: (t) => int(weekday(dayOf(t))),
  isodow: (t) => int(isoWeekday(dayOf(t))),
  hour: (t) => floorDiv(t, MICROS.hour) - floorDiv(t, MICROS.day) * 24n,
  minute: (t) => floorDiv(t, MICROS.minute) - floorDiv(t, MICROS.hour) * 60n,
  second: (t) => floorDiv(t, MICROS.second) - floorDiv(t, MICROS.minute) * 60n,
};

const fromDays = (days: number) => int(days) * MICROS.day;
const floorTo = (unit: bigint) => (t: bigint) => floorDiv(t, unit) * unit;

/** The start of the unit that holds a moment. */
const STARTS: Readonly<Record<string, (t: bigint) => bigint>> = {
  year: (t) => fromDays(daysFromCivil(civilFromDays(dayOf(t)).year, 1, 1)),
  quarter: (t) => {
    const { year, month } = civilFromDays(dayOf(t));
    return fromDays(daysFromCivil(year, Math.floor((month - 1) / 3) * 3 + 1, 1));
  },
  month: (t) => {
    const { year, month } = civilFromDays(dayOf(t));
    return fromDays(daysFromCivil(year, month, 1));
  },
  week: (t) => fromDays(dayOf(t) - isoWeekday(dayOf(t)) + 1),
  day: floorTo(MICROS.day),
  hour: floorTo(MICROS.hour),
  minute: floorTo(MICROS.minute),
  second: floorTo(MICROS.second),
};

/** A running number of the unit that holds a moment: the difference of two counts the boundaries between them. */
const NUMBERS: Readonly<Record<string, (t: bigint) => bigint>> = {
  year: (t) => PARTS.year!(t),
  quarter: (t) => PARTS.year!(t) * 4n + PARTS.quarter!(t),
  month: (t) => PARTS.year!(t) * 12n + PARTS.month!(t),
  week: (t) => floorDiv(STARTS.week!(t), MICROS.week),
  day: (t) => floorDiv(t, MICROS.day),
  hour: (t) => floorDiv(t, MICROS.hour),
  minute: (t) => floorDiv(t, MICROS.minute),
  second: (t) => floorDiv(t, MICROS.second),
};

const partRule = oneOf([...Object.keys(PARTS)]);
const notEpoch = (v: Value) => (typeof v === 'string' && v.toLowerCase() === 'epoch' ? 'EPOCH' : partRule(v));

/** Functions of dates and timestamps. There is no time zone: a timestamp is read as UTC wherever the code runs. */
export const DATE_FUNCTIONS: readonly FunctionSpec[] = [
  {
    name: 'date_part',
    aliases: ['datepart'],
    usage: "date_part('part', t), extract(part FROM t)",
    doc: `A part of a date or timestamp as int64: ${Object.keys(PARTS).join(', ')}. dow is 0 (Sunday) to 6, isodow 1 (Monday) to 7, week is ISO 8601's, second is whole. 'epoch' gives float64: seconds since 1970-01-01 UTC.`,
    overloads: [
      {
        takes: ['string', 'timestamp'],
        gives: 'int64',
        literals: { 0: notEpoch },
        sql: ([part, t]) => `date_part(${part}, ${t})`,
        evaluator: ([part]) => {
          const apply = PARTS[partOf(part)]!;
          return (_part: string, t: bigint) => apply(t);
        },
      },
      {
        takes: ['string', 'timestamp'],
        gives: 'float64',
        literals: { 0: oneOf(['epoch']) },
        sql: ([, t]) => `(CAST(epoch_us(${t}) AS DOUBLE) / CAST(1000000 AS DOUBLE))`,
        evaluator: () => (_part: string, t: bigint) => Number(t) / 1e6,
      },
    ],
  },
  ...(['year', 'quarter', 'month', 'day', 'hour', 'minute', 'second'] as const).map(
    (part): FunctionSpec => ({
      name: part,
      usage: `${part}(t)`,
      doc: `The same as date_part('${part}', t).`,
      overloads: [
        {
          takes: ['timestamp'],
          gives: 'int64',
          sql: ([t]) => `date_part('${part}', ${t})`,
          evaluator: () => PARTS[part]!,
        },
      ],
    }),
  ),
  {
    name: 'date_trunc',
    aliases: ['datetrunc'],
    usage: "date_trunc('part', t)",
    doc: `The start of the ${Object.keys(STARTS).join(', ')} that holds t, as a timestamp. Weeks start on Monday.`,
    overloads: [
      {
        takes: ['string', 'timestamp'],
        gives: 'timestamp',
        literals: { 0: oneOf(Object.keys(STARTS)) },
        sql: ([part, t]) => `date_trunc(${part}, ${t})`,
        evaluator: ([part]) => {
          const apply = STARTS[partOf(part)]!;
          return (_part: string, t: bigint) => apply(t);
        },
      },
    ],
  },
  {
    name: 'date_diff',
    aliases: ['datediff'],
    usage: "date_diff('part', a, b)",
    doc: `How many starts of a ${Object.keys(NUMBERS).join(', ')} lie between a and b: after a and not after b; negative when b is before a.`,
    overloads: [
      {
        takes: ['string', 'timestamp', 'timestamp'],
        gives: 'int64',
        literals: { 0: oneOf(Object.keys(NUMBERS)) },
        // DuckDB's own count of weeks rounds towards 1970, so weeks are counted as days between Mondays.
        sql: ([part, a, b]) =>
          part?.toLowerCase() === "'week'"
            ? `(date_diff('day', date_trunc('week', ${a}), date_trunc('week', ${b})) // CAST(7 AS BIGINT))`
            : `date_diff(${part}, ${a}, ${b})`,
        evaluator: ([part]) => {
          const number = NUMBERS[partOf(part)]!;
          return (_part: string, a: bigint, b: bigint) => number(b) - number(a);
        },
      },
    ],
  },
];
