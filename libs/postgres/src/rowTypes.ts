import pg from 'pg';

/** A parser of one column's text. */
type TextParser = (text: string) => unknown;

const OID = {
  int8: 20,
  int8Array: 1016,
  date: 1082,
  timestamp: 1114,
  dateArray: 1182,
  timestampArray: 1115,
  numericArray: 1231,
  textArray: 1009,
  interval: 1186,
} as const;

const builtIn = pg.types.getTypeParser as (oid: number, format: 'text' | 'binary') => unknown;
const parseTextArray = builtIn(OID.textArray, 'text') as (text: string) => (string | null)[];
const asText: TextParser = (text) => text;

/**
 * Where we differ from pg: bigints are exact numbers (or an error) instead of text, and dates and timestamps without
 * time zone stay text, since pg would read them in the zone of this machine.
 */
const PARSERS: ReadonlyMap<number, TextParser> = new Map<number, TextParser>([
  [OID.int8, parseInt8],
  [OID.int8Array, (text) => parseTextArray(text).map((item) => (item === null ? null : parseInt8(item)))],
  [OID.date, asText],
  [OID.timestamp, asText],
  [OID.interval, asText],
  [OID.dateArray, parseTextArray],
  [OID.timestampArray, parseTextArray],
  [OID.numericArray, parseTextArray],
]);

/** The row parsers that every connection of the platform uses; see `Queryable` for what comes out. */
export const rowTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): unknown {
    return (format !== 'binary' && PARSERS.get(oid)) || builtIn(oid, format ?? 'text');
  },
} as pg.CustomTypesConfig;

function parseInt8(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(
    `The int8 value ${text} is not exact as a JavaScript number. Cast the column to text in the query.`,
  );
}
