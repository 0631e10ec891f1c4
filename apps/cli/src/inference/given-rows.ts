import { invalidArgument, messageOf } from '@millrace/kernel';
import type { GivenValue } from './tensors.ts';

/** The inputs of a request: values by input, as many as there are rows. */
export type GivenColumns = ReadonlyMap<string, readonly GivenValue[]>;

/** Inputs from `name=value` pairs; `name=a,b,c` gives three rows. Throws INVALID_ARGUMENT `INPUT_ROWS`. */
export function columnsFromPairs(pairs: readonly (readonly [string, string])[]): GivenColumns {
  const columns = new Map<string, readonly GivenValue[]>();
  for (const [name, text] of pairs) {
    if (columns.has(name)) throw wrong(`--input ${name}`, 'is given twice. Write several rows as --input name=a,b,c.');
    columns.set(name, text.split(','));
  }
  const lengths = new Set([...columns.values()].map((values) => values.length));
  if (lengths.size > 1) {
    const told = [...columns].map(([name, values]) => `${name} has ${values.length}`).join(', ');
    throw wrong('--input', `must give each input as many rows: ${told}.`);
  }
  return columns;
}

/**
 * Inputs from a JSON text: an object, or a list of objects with the same keys, one a row.
 *
 * @throws AppError INVALID_ARGUMENT `INPUT_ROWS` saying which row is wrong.
 */
export function columnsFromJson(text: string, path: string): GivenColumns {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw wrong(path, `is not JSON: ${messageOf(error)}. Write an object, or a list of objects, one a row.`);
  }
  const rows = Array.isArray(json) ? (json as unknown[]) : [json];
  if (rows.length === 0) throw wrong(path, 'holds no rows.');
  const names = Object.keys(objectOf(rows[0], 0, path));
  const columns = new Map<string, GivenValue[]>(names.map((name) => [name, []]));
  for (const [i, row] of rows.entries()) {
    const object = objectOf(row, i, path);
    const extra = Object.keys(object).find((name) => !columns.has(name));
    if (extra !== undefined)
      throw wrong(`${path}[${i}].${extra}`, 'is not in the first row. Give all rows the same keys.');
    for (const name of names) {
      const value = object[name];
      if (value === undefined)
        throw wrong(`${path}[${i}].${name}`, 'is missing. Give all rows the same keys, null for missing values.');
      if (value !== null && typeof value === 'object')
        throw wrong(`${path}[${i}].${name}`, 'must be text, a number, true, false or null.');
      columns.get(name)?.push(value as GivenValue);
    }
  }
  return columns;
}

function objectOf(row: unknown, index: number, path: string): Record<string, unknown> {
  if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as Record<string, unknown>;
  throw wrong(`${path}[${index}]`, 'must be a JSON object with the inputs by name.');
}

function wrong(field: string, description: string): Error {
  return invalidArgument('INPUT_ROWS', [{ field, reason: 'INPUT_ROWS', description }]);
}
