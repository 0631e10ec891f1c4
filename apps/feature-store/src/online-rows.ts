import type { FeatureType, Value } from '@millrace/features';
import type { Changes } from './changes.ts';
import type { Deps } from './deps.ts';
import { decodeValues } from './domain/values.ts';
import { readOnline } from './store/online.ts';

/** Values of an entity, decoded. */
export interface EntityValues {
  readonly eventMicros: bigint;
  readonly isPushed: boolean;
  readonly values: readonly Value[];
}

/** A view as far as reading it goes. */
export interface ReadView {
  readonly number: number;
  readonly types: readonly FeatureType[];
}

/** What is kept of a view in memory. */
interface ViewRows {
  readonly since: number;
  readonly materialized: bigint | undefined;
  /** Null: the store has no row. */
  readonly rows: Map<string, EntityValues | null>;
}

/** One view of an answer. */
export interface ViewAnswer {
  /** The newest boundary for which the view was computed, microseconds. */
  readonly materialized: bigint | undefined;
  /** By place of the key; undefined: not in the store. */
  readonly rows: readonly (EntityValues | undefined)[];
}

/** Keys of one view that are asked for; undefined: the request has no key. */
export interface Wanted {
  readonly view: ReadView;
  readonly keys: readonly (string | undefined)[];
}

interface MissingKey {
  readonly view: number;
  readonly key: string;
}

/** Rows are read again after this time in milliseconds, should a notification of another replica have been lost. */
const AGE_MAX_MS = 5000;

/**
 * Reads the online store through a bounded memory of entities. What this process writes is forgotten at once, what other replicas
 * write when PostgreSQL tells; a reading that was under way at that moment is not kept.
 */
export class OnlineRows {
  readonly #deps: Pick<Deps, 'database' | 'config'>;
  readonly #views = new Map<number, ViewRows>();
  #rows = 0;
  /** Grows with each change, so that older readings are not kept. */
  #changes = 0;

  constructor(deps: Pick<Deps, 'database' | 'config'>, changes: Changes) {
    this.#deps = deps;
    changes.on((change) => {
      this.#changes += 1;
      if (change !== 'unknown' && change.kind === 'values') this.#forget(change.view);
      else this.#forgetAll();
    });
  }

  /** The rows of the keys, view by view; whatever is missing is read in one round trip. */
  async read(wanted: readonly Wanted[]): Promise<ViewAnswer[]> {
    const now = performance.now();
    const known = new Map<number, ViewRows>();
    for (const { view } of wanted) {
      const rows = this.#fresh(view.number, now);
      if (rows) known.set(view.number, rows);
    }
    const missing = missingKeys(wanted, known);
    if (missing.length === 0 && wanted.every(({ view }) => known.has(view.number))) return answersOf(wanted, known);
    const before = this.#changes;
    const read = await this.#query(wanted, missing);
    const isCurrent = () => before === this.#changes;
    const isOneState =
      isCurrent() && [...known].every(([number, rows]) => rows.materialized === read.get(number)?.materialized);
    // Rows kept from before and rows just read may belong to different states of a view: then all are read again, as one snapshot.
    const fresh = isOneState ? read : await this.#query(wanted, missingKeys(wanted, new Map()));
    if (!isOneState) return answersOf(wanted, fresh);
    this.#keep(fresh, missing.length, now);
    return answersOf(wanted, fresh, known);
  }

  async #query(wanted: readonly Wanted[], keys: readonly MissingKey[]): Promise<Map<number, ViewRows>> {
    const types = new Map(wanted.map(({ view }) => [view.number, view.types]));
    const answer = await readOnline(this.#deps.database, [...types.keys()], keys);
    const since = performance.now();
    const views = new Map<number, ViewRows>();
    for (const number of types.keys()) {
      const newest = answer.materialized.get(number);
      views.set(number, { since, materialized: newest === undefined ? undefined : BigInt(newest), rows: new Map() });
    }
    for (const [i, { view, key }] of keys.entries()) {
      const row = answer.rows[i];
      const decoded = row && {
        eventMicros: BigInt(row.eventMicros),
        isPushed: row.isPushed,
        values: decodeValues(row.values, types.get(view)!),
      };
      views.get(view)!.rows.set(key, decoded ?? null);
    }
    return views;
  }

  /** Adds what was read to what is kept; when there is no room, what was kept is forgotten. */
  #keep(read: ReadonlyMap<number, ViewRows>, count: number, now: number): void {
    const { onlineCacheRowsMax } = this.#deps.config;
    if (count > onlineCacheRowsMax) return;
    if (this.#rows + count > onlineCacheRowsMax) this.#forgetAll();
    for (const [number, { materialized, rows }] of read) {
      const kept = this.#views.get(number) ?? {
        since: now,
        materialized,
        rows: new Map<string, EntityValues | null>(),
      };
      const before = kept.rows.size;
      for (const [key, row] of rows) kept.rows.set(key, row);
      this.#views.set(number, kept);
      this.#rows += kept.rows.size - before;
    }
  }

  #fresh(view: number, now: number): ViewRows | undefined {
    const rows = this.#views.get(view);
    if (rows && now - rows.since > AGE_MAX_MS) this.#forget(view);
    return this.#views.get(view);
  }

  #forget(view: number): void {
    this.#rows -= this.#views.get(view)?.rows.size ?? 0;
    this.#views.delete(view);
  }

  #forgetAll(): void {
    this.#views.clear();
    this.#rows = 0;
  }
}

function missingKeys(wanted: readonly Wanted[], known: ReadonlyMap<number, ViewRows>): MissingKey[] {
  const missing: MissingKey[] = [];
  const seen = new Map<number, Set<string>>();
  for (const { view, keys } of wanted) {
    const rows = known.get(view.number)?.rows;
    const asked = seen.get(view.number) ?? new Set();
    seen.set(view.number, asked);
    for (const key of keys) {
      if (key === undefined || rows?.has(key) || asked.has(key)) continue;
      asked.add(key);
      missing.push({ view: view.number, key });
    }
  }
  return missing;
}

/** The rows of each view that is wanted: as read, or else as known. */
function answersOf(
  wanted: readonly Wanted[],
  read: ReadonlyMap<number, ViewRows>,
  known?: ReadonlyMap<number, ViewRows>,
): ViewAnswer[] {
  return wanted.map(({ view, keys }) => {
    const { rows, materialized } = read.get(view.number)!;
    const older = known?.get(view.number)?.rows;
    const rowOf = (key: string) => rows.get(key) ?? older?.get(key) ?? undefined;
    return { materialized, rows: keys.map((key) => (key === undefined ? undefined : rowOf(key))) };
  });
}
