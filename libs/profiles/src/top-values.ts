/** A frequent value. The true count lies in [count - error, count]. */
export interface TopValue {
  readonly value: string;
  readonly count: number;
  readonly error: number;
}

/**
 * The most frequent values, by descending count, then by value (UTF-16 order). While the column has at most
 * `capacity` distinct values, all are listed with exact counts and `untrackedMax` is 0. Beyond, it is a space-saving
 * summary (Metwally et al. 2005; merging after Agarwal et al. 2012): a value that is not listed occurs at most
 * `untrackedMax` times. Bounds are certain for the in-process profiler and for merges of such profiles; see
 * `profileSql` for what SQL gives beyond the capacity.
 */
export interface TopValues {
  readonly capacity: number;
  readonly entries: readonly TopValue[];
  readonly untrackedMax: number;
}

/** Default number of values that are counted exactly. */
export const defaultTopValuesMax = 1000;

/** Whether every value is listed with its exact count. */
export function isComplete(top: TopValues): boolean {
  return top.untrackedMax === 0;
}

/** Orders entries, keeps the `capacity` largest and raises `untrackedMax` to the largest dropped count. */
export function topValues(capacity: number, entries: readonly TopValue[], untrackedMax: number): TopValues {
  const sorted = [...entries].sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  const dropped = sorted[capacity]?.count ?? 0;
  return { capacity, entries: sorted.slice(0, capacity), untrackedMax: Math.max(untrackedMax, dropped) };
}

/**
 * Merges two summaries. Commutative; exact and associative while the union stays within the capacity; beyond it the
 * bounds hold but may differ with the order of merging. The smaller capacity is kept.
 */
export function mergeTopValues(a: TopValues, b: TopValues): TopValues {
  const merged = new Map<string, { count: number; error: number }>();
  const right = new Map(b.entries.map((e) => [e.value, e]));
  for (const entry of a.entries) {
    const other = right.get(entry.value) ?? { count: b.untrackedMax, error: b.untrackedMax };
    merged.set(entry.value, { count: entry.count + other.count, error: entry.error + other.error });
  }
  for (const entry of b.entries) {
    if (merged.has(entry.value)) continue;
    merged.set(entry.value, { count: entry.count + a.untrackedMax, error: entry.error + a.untrackedMax });
  }
  const entries = [...merged].map(([value, { count, error }]) => ({ value, count, error }));
  return topValues(Math.min(a.capacity, b.capacity), entries, a.untrackedMax + b.untrackedMax);
}

/** Counts values as they come; holds at most four times the capacity in memory. */
export class TopValuesCounter {
  readonly #capacity: number;
  readonly #counts = new Map<string, { count: number; error: number }>();
  #untrackedMax = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Counts one value; tells whether it was new to the table of counts (so that callers can hash only new values). */
  add(value: string): boolean {
    const known = this.#counts.get(value);
    if (known !== undefined) {
      known.count++;
      return false;
    }
    if (this.#counts.size >= 4 * this.#capacity) this.#compact();
    this.#counts.set(value, { count: this.#untrackedMax + 1, error: this.#untrackedMax });
    return true;
  }

  /** The summary of what was added so far. */
  finish(): TopValues {
    const entries = [...this.#counts].map(([value, { count, error }]) => ({ value, count, error }));
    return topValues(this.#capacity, entries, this.#untrackedMax);
  }

  #compact(): void {
    const kept = this.finish();
    this.#untrackedMax = kept.untrackedMax;
    this.#counts.clear();
    for (const { value, count, error } of kept.entries) this.#counts.set(value, { count, error });
  }
}
