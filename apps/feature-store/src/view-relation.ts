import type { CompiledFeatureView } from '@millrace/features';
import { quoteIdentifier, toSql } from '@millrace/features';
import { type CheckedView, keyColumn } from './compile.ts';

/** Bounds on the available time of the rows that are needed, in microseconds; undefined: no bound. */
export interface AvailableRange {
  /** Exclusive. */
  readonly after: bigint | undefined;
  /** Inclusive. */
  readonly until: bigint | undefined;
}

/** The rows of a view's dataset as `libs/features` reads them: with the keys as columns, cut to what is needed. */
export function viewRelation(checked: CheckedView, base: string, range: AvailableRange): string {
  const keys = checked.keySql.map((sql, i) => `${sql} AS ${quoteIdentifier(keyColumn(i))}`).join(', ');
  const available = `epoch_us(${toSql(checked.compiled.availableTime)})`;
  const conditions = [
    ...(range.after === undefined ? [] : [`${available} > ${range.after}`]),
    ...(range.until === undefined ? [] : [`${available} <= ${range.until}`]),
  ];
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
  return `(SELECT *, ${keys} FROM (${base})${where})`;
}

/**
 * The available time at or before which no row can count at a boundary or later: the greatest window back from it, and one
 * refresh more, since an entity whose last row has just left its window has to be told so. Undefined when rows never get
 * too old, because a feature is the last known value.
 */
export function neededAfter(view: CompiledFeatureView, boundaryMicros: bigint): bigint | undefined {
  let greatest = 0n;
  for (const feature of view.features) {
    if (feature.kind !== 'window') return undefined;
    if (feature.windowMicros > greatest) greatest = feature.windowMicros;
  }
  return boundaryMicros - greatest - view.refresh.cadenceMicros;
}
