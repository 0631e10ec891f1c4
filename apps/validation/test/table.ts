import { createRng } from '@millrace/kernel';

/** A row of the table that all expectations are tried on. */
export interface Row {
  readonly id: number;
  readonly code: string | null;
  readonly x: number | null;
  readonly n: number | null;
  readonly day: string;
}

/** Seeded rows with missing values, duplicates and values out of bounds. */
export function makeRows(count: number, seed: number): Row[] {
  const rng = createRng(seed);
  const maybe = <T>(share: number, value: T) => (rng.next() < share ? null : value);
  return Array.from({ length: count }, (_, id) => ({
    id,
    code: maybe(0.05, ['aa', 'ab', 'b', 'ccc', 'ä', 'zz9'][Math.floor(rng.next() * 6)] as string),
    x: maybe(0.1, Math.round(rng.next() * 200 - 50) / 4),
    n: maybe(0.02, Math.floor(rng.next() * 40)),
    day: `2024-01-${String(1 + Math.floor(rng.next() * 28)).padStart(2, '0')}`,
  }));
}

/** SQL that gives the rows. */
export function sqlOf(rows: readonly Row[]): string {
  const text = (value: string | null) => (value === null ? 'NULL' : `'${value}'`);
  const values = rows.map(
    ({ id, code, x, n, day }) => `(${id}, ${text(code)}, ${x ?? 'NULL'}, ${n ?? 'NULL'}, TIMESTAMP '${day}')`,
  );
  return `SELECT id::BIGINT AS id, code::VARCHAR AS code, x::DOUBLE AS x, n::BIGINT AS n, day::TIMESTAMP AS day
    FROM (VALUES ${values.join(', ')}) t(id, code, x, n, day) ORDER BY id`;
}
