/** A quadratic reference for feature views in plain TypeScript, written from the definitions and not from the SQL. Tests only. */

/** One row of the test source; times in whole minutes. */
export interface SourceRow {
  readonly k1: string | null;
  readonly k2: number | null;
  readonly id: number | null;
  readonly e: number | null;
  readonly a: number | null;
  readonly x: number | null;
  readonly f: number | null;
  readonly s: string | null;
}

/** What the oracle is asked. */
export interface Question {
  readonly k1: string | null;
  readonly k2: number | null;
  /** The boundary, in minutes. */
  readonly at: number;
}

const defined = <T>(x: T | null): x is T => x !== null;

/** Rows of the entity that are available at the boundary and, with `byId`, are not superseded at it. */
export function visible(rows: readonly SourceRow[], q: Question, byId: boolean): SourceRow[] {
  const usable = rows.filter((r) => r.e !== null && r.a !== null && r.a <= q.at && r.k1 !== null && r.k2 !== null);
  const newer = (r: SourceRow, o: SourceRow) =>
    o.id !== null && o.id === r.id && (o.a! > r.a! || (o.a === r.a && o.e! > r.e!));
  return usable.filter((r) => r.k1 === q.k1 && r.k2 === q.k2 && !(byId && usable.some((o) => newer(r, o))));
}

/** The aggregates of the window (at − minutes, at]. */
export function windowOf(rows: readonly SourceRow[], q: Question, minutes: number, byId: boolean) {
  const inside = visible(rows, q, byId).filter((r) => r.a! > q.at - minutes);
  const xs = inside.map((r) => r.x).filter(defined);
  const fs = inside.map((r) => r.f).filter(defined);
  const sum = (values: number[]) => values.reduce((total, v) => total + v, 0);
  const stddev = (values: number[]) => {
    if (values.length < 2) return null;
    const mean = sum(values) / values.length;
    return Math.sqrt(sum(values.map((v) => (v - mean) ** 2)) / (values.length - 1));
  };
  const named = inside.filter((r) => r.s !== null);
  named.sort((p, o) => p.e! - o.e! || p.a! - o.a! || (p.s! < o.s! ? -1 : 1));
  return {
    rows: inside.length,
    count: xs.length,
    sumX: xs.length ? sum(xs) : null,
    meanX: xs.length ? sum(xs) / xs.length : null,
    stddevX: stddev(xs),
    sumF: fs.length ? sum(fs) : null,
    meanF: fs.length ? sum(fs) / fs.length : null,
    stddevF: stddev(fs),
    minF: fs.length ? Math.min(...fs) : null,
    maxX: xs.length ? Math.max(...xs) : null,
    lastS: named.at(-1)?.s ?? null,
  };
}

/** `x` of the last known row, or null when none is younger than `ttl` minutes. Rows equal in both times: all their values. */
export function lastKnown(rows: readonly SourceRow[], q: Question, ttl: number | null): (number | null)[] {
  const known = visible(rows, q, false).filter((r) => r.e! <= q.at && (ttl === null || r.e! >= q.at - ttl));
  known.sort((p, o) => o.e! - p.e! || o.a! - p.a!);
  const top = known[0];
  return top ? known.filter((r) => r.e === top.e && r.a === top.a).map((r) => r.x) : [null];
}
