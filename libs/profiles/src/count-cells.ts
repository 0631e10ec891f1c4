import { hashText } from './hash.ts';
import { type TopValue, type TopValues, topValues } from './top-values.ts';

/** Three rows of counters by cell; each non-null value was counted in one cell of every row. */
export type CountRows = readonly [Map<number, number>, Map<number, number>, Map<number, number>];

const cellMask = 4095;

/**
 * Counts of the candidates from the three rows of counters. With at most `capacity` candidates the list is complete and
 * counts are solved exactly: a value alone in a cell has that cell's count, which is taken off its other cells, and so
 * on. Else, or if that gets stuck (three hashes that tie up a group of values; below 1e-4 for 1000 values), each count
 * is the count-min estimate with the error of `profileSql`.
 */
export function solveTopValues(
  candidates: readonly string[],
  rows: CountRows,
  total: number,
  capacity: number,
): TopValues {
  if (candidates.length <= capacity) {
    const exact = peel(candidates, rows);
    if (exact !== undefined) return topValues(capacity, exact, 0);
  }
  const slack = Math.ceil((Math.E * total) / (cellMask + 1));
  const entries = candidates.map((value) => {
    const count = Math.min(...cellsOf(value).map((cell, row) => rows[row]!.get(cell) ?? 0));
    return { value, count, error: Math.min(slack, count) };
  });
  const least = entries.reduce((min, entry) => Math.min(min, entry.count), Infinity);
  return topValues(capacity, entries, Math.max(least, Math.ceil(total / (3 * capacity)), 1));
}

/** The cells of a value in the three rows, as the SQL computes them. */
function cellsOf(value: string): [number, number, number] {
  const { low, high } = hashText(value);
  return [(low >>> 12) & cellMask, high & cellMask, (high >>> 12) & cellMask];
}

function peel(candidates: readonly string[], rows: CountRows): TopValue[] | undefined {
  const cells = candidates.map(cellsOf);
  const left = rows.map((row) => new Map(row));
  const members = rows.map(() => new Map<number, Set<number>>());
  cells.forEach((triple, i) => {
    triple.forEach((cell, row) => {
      const set = members[row]!.get(cell);
      if (set === undefined) members[row]!.set(cell, new Set([i]));
      else set.add(i);
    });
  });
  const solved = new Map<number, number>();
  let queue = candidates.map((_, i) => i);
  while (queue.length > 0) {
    const next = new Set<number>();
    for (const i of queue) {
      if (solved.has(i)) continue;
      const row = cells[i]!.findIndex((cell, r) => members[r]!.get(cell)!.size === 1);
      if (row < 0) continue;
      const count = left[row]!.get(cells[i]![row]!) ?? 0;
      solved.set(i, count);
      cells[i]!.forEach((cell, r) => {
        left[r]!.set(cell, (left[r]!.get(cell) ?? 0) - count);
        const set = members[r]!.get(cell)!;
        set.delete(i);
        for (const other of set) next.add(other);
      });
    }
    queue = [...next];
  }
  if (solved.size < candidates.length) return undefined;
  // Something left over or overdrawn means that the list was not complete.
  if (left.some((row) => [...row.values()].some((rest) => rest !== 0))) return undefined;
  return candidates.map((value, i) => ({ value, count: solved.get(i)!, error: 0 }));
}
