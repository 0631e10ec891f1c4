import type { FunctionSpec } from './function-spec.ts';
import { DATE_FUNCTIONS } from './functions-date.ts';
import { NUMBER_FUNCTIONS } from './functions-number.ts';
import { TEXT_FUNCTIONS } from './functions-text.ts';

/**
 * Every function that a feature expression may call. Common to all: null in, null out (where not said otherwise); nothing
 * fails on a row: overflow of an int64 and arguments out of a function's domain give null. float64 follows IEEE 754, its
 * order has NaN equal to itself and above everything.
 */
export const FUNCTIONS: readonly FunctionSpec[] = [...NUMBER_FUNCTIONS, ...TEXT_FUNCTIONS, ...DATE_FUNCTIONS];

const byName = new Map<string, FunctionSpec>(
  FUNCTIONS.flatMap((f) => [f.name, ...(f.aliases ?? [])].map((name): [string, FunctionSpec] => [name, f])),
);

/** The function of this name (lower case) or alias. */
export function findFunction(name: string): FunctionSpec | undefined {
  return byName.get(name);
}

/** All callable names, aliases included, for suggestions. */
export function functionNames(): string[] {
  return [...byName.keys()];
}

/** What is not a call in {@link FUNCTIONS} but part of the language, for documents. */
export const LANGUAGE: readonly { readonly usage: string; readonly doc: string }[] = [
  {
    usage: 'a = b, a <> b, a < b, a <= b, a > b, a >= b',
    doc: 'Both sides of one type; int64 becomes float64 beside a float64, a date a timestamp beside a timestamp, a text literal a date or timestamp beside one. Null gives null. Text is ordered by code point. NaN equals NaN and is the greatest float64.',
  },
  { usage: 'a IS [NOT] DISTINCT FROM b', doc: 'Comparison in which null equals null; never null.' },
  { usage: 'a [NOT] BETWEEN low AND high', doc: 'a >= low AND a <= high, with their nulls.' },
  {
    usage: 'a [NOT] IN (b, …)',
    doc: 'True when equal to one of the list; else null when a or a list item is null; else false.',
  },
  { usage: 'a AND b, a OR b, NOT a', doc: 'Three-valued logic of SQL: false AND null is false, true OR null is true.' },
  { usage: 'a IS [NOT] NULL', doc: 'Never null.' },
  {
    usage: 'CASE WHEN c THEN a … [ELSE b] END, CASE x WHEN v THEN a … END, if(c, a, b)',
    doc: 'The first branch whose condition is true; null without ELSE.',
  },
  { usage: 'coalesce(a, b, …), ifnull(a, b)', doc: 'The first that is not null.' },
  {
    usage: 'CAST(a AS type), TRY_CAST(a AS type), a::type',
    doc: 'All three are the same and give null where the value cannot be converted. float64 to int64 rounds halves to even. Numbers from text: optional sign, digits, fraction, exponent. Dates and timestamps from text: ISO 8601 without zone (YYYY-MM-DD[ hh:mm[:ss[.ffffff]]]). Boolean from text: true or false in any case. float64 to text is refused: engines print floats differently.',
  },
  {
    usage: "t + INTERVAL 3 DAY, t - INTERVAL '90 minutes', t + to_minutes(x)",
    doc: 'Moves a date or timestamp; gives a timestamp. Time zones do not exist here: a day is 24 hours, an hour 3600 seconds. Months keep the day of the month, or take the last day when there is none. The amount is a whole number.',
  },
];
