import type { FeatureType, Value } from '@millrace/features';
import { materializeSql } from '@millrace/features';
import { invariant } from '@millrace/kernel';
import { type ColumnData, isNullAt, loadManifest } from '@millrace/tables';
import type { Deps } from './deps.ts';
import { encodeValues, entityKey } from './domain/values.ts';
import type { PinnedView } from './resolve.ts';
import { neededAfter, viewRelation } from './view-relation.ts';

/** The values of a view at one boundary, by entity, in the order of the keys. */
export interface BoundaryRows {
  /** See `entityKey`. */
  readonly keys: readonly string[];
  /** See `encodeValues`. */
  readonly values: readonly string[];
}

/** Boundaries that are computed ahead in one pass. */
const AHEAD_MAX = 32;
const NO_ROWS: BoundaryRows = { keys: [], values: [] };

interface Ahead {
  /** Definition and version that the rows belong to. */
  readonly identity: string;
  /** The boundary that was asked for last. */
  asked: bigint;
  /** How many rows that boundary had. */
  rows: number;
  readonly boundaries: Map<bigint, BoundaryRows>;
}

/**
 * Computes what a boundary changes in the online store. Who asks for a second boundary after a first one is likely to ask for the
 * ones after it as well (a daily schedule that catches up): then the next {@link AHEAD_MAX} are computed in the same
 * pass over the data and kept in memory, within `prefetchRowsMax` rows for all views together.
 */
export class BoundaryValues {
  readonly #deps: Pick<Deps, 'blobs' | 'tables' | 'config'>;
  readonly #views = new Map<number, Ahead>();

  constructor(deps: Pick<Deps, 'blobs' | 'tables' | 'config'>) {
    this.#deps = deps;
  }

  /** The rows to write for a boundary (microseconds). */
  async at(view: PinnedView, boundary: bigint, signal: AbortSignal): Promise<BoundaryRows> {
    const identity = `${view.view.etag} ${view.version.manifest}`;
    const known = this.#views.get(view.number);
    const isSame = known?.identity === identity;
    const prepared = isSame ? known.boundaries.get(boundary) : undefined;
    if (prepared) return this.#take(known!, boundary, prepared);
    const count = isSame && boundary > known.asked ? this.#affordable(view.number, known.rows) : 1;
    const boundaries = await this.#compute(view, boundary, count, signal);
    const ahead: Ahead = { identity, asked: boundary, rows: 0, boundaries };
    this.#views.set(view.number, ahead);
    return this.#take(ahead, boundary, boundaries.get(boundary) ?? NO_ROWS);
  }

  #take(ahead: Ahead, boundary: bigint, rows: BoundaryRows): BoundaryRows {
    for (const earlier of ahead.boundaries.keys()) if (earlier <= boundary) ahead.boundaries.delete(earlier);
    ahead.asked = boundary;
    ahead.rows = rows.keys.length;
    return rows;
  }

  /** How many boundaries of so many rows each fit beside what the other views keep. */
  #affordable(view: number, rows: number): number {
    const others = [...this.#views].filter(([number]) => number !== view);
    const kept = others
      .flatMap(([, { boundaries }]) => [...boundaries.values()])
      .reduce((n, b) => n + b.keys.length, 0);
    const room = this.#deps.config.prefetchRowsMax - kept;
    return Math.max(1, Math.min(AHEAD_MAX, Math.floor(room / Math.max(rows, 1))));
  }

  async #compute(
    view: PinnedView,
    first: bigint,
    count: number,
    signal: AbortSignal,
  ): Promise<Map<bigint, BoundaryRows>> {
    const { compiled } = view.checked;
    const last = first + BigInt(count - 1) * compiled.refresh.cadenceMicros;
    const base = await this.#deps.tables.relationSql(await loadManifest(this.#deps.blobs, view.version.manifest));
    const relation = viewRelation(view.checked, base, { after: neededAfter(compiled, first), until: last });
    const sql = materializeSql({ view: compiled, relation, from: first, to: last });
    const boundaries = new Map<bigint, { keys: string[]; values: string[] }>();
    for (let i = 0n; i < BigInt(count); i++)
      boundaries.set(first + i * compiled.refresh.cadenceMicros, { keys: [], values: [] });
    await this.#deps.tables.withConnection(
      async (connection) => {
        const result = await connection.columns(sql);
        const keys = compiled.keys.length;
        for await (const batch of result.batches) {
          const readers = batch.columns.map((column, c) => {
            const type =
              c < keys ? compiled.keys[c]!.type : c < keys + 2 ? 'timestamp' : view.checked.types[c - keys - 2]!;
            return readerOf(column, type);
          });
          for (let row = 0; row < batch.rows; row++) {
            const values = readers.map((read) => read(row));
            const rows = boundaries.get(values[keys] as bigint);
            const key = entityKey(values.slice(0, keys));
            invariant(rows && key !== undefined, 'a row has its keys and a boundary that was asked for');
            rows.keys.push(key);
            rows.values.push(encodeValues(values.slice(keys + 2)));
          }
        }
      },
      { signal },
    );
    return boundaries;
  }
}

const DAY_MICROS = 86_400_000_000n;

/** Reads the values of a column as the row evaluator has them. */
function readerOf(column: ColumnData, type: FeatureType): (row: number) => Value {
  const { values } = column;
  const plain = (row: number): Value => {
    const value = values[row] as number | bigint | string;
    switch (type) {
      case 'boolean':
        return value === 1;
      case 'int64':
      case 'timestamp':
        return BigInt(value);
      case 'date':
        return BigInt(value) * DAY_MICROS;
      case 'float64':
        return Number(value);
      case 'string':
        return value as string;
    }
  };
  return (row) => (isNullAt(column, row) ? null : plain(row));
}
