import type {
  PushedRow,
  PushFeaturesRequest,
} from '@millrace/contracts/millrace/featurestore/v1/feature_store_service';
import type { Value } from '@millrace/features';
import { type FieldViolation, invalidArgument } from '@millrace/kernel';
import { announce } from './changes.ts';
import type { Deps } from './deps.ts';
import { fromWire, type WireValue } from './domain/requests.ts';
import { microsOf } from './domain/times.ts';
import { encodeValues, entityKey } from './domain/values.ts';
import { pinViews, requireViews, type ViewWithEntity } from './resolve.ts';
import { lockView, type NewOnlineRow, pushOnline } from './store/online.ts';
import { featureTypeOf, nameOfType } from './types.ts';

/** Moments that the online store takes, in microseconds: years 1 to 2200, so that they are exact as numbers. */
const MICROS_MIN = -62_135_596_800_000_000n;
const MICROS_MAX = 7_258_118_400_000_000n;

/** Writes values into the online store; of several for one entity the newest stays. */
export async function pushFeatures(
  deps: Deps,
  request: PushFeaturesRequest,
): Promise<{ writtenRows: bigint; staleRows: bigint }> {
  const [stored] = await requireViews(deps.database, [request.featureView], 'feature_view');
  const view = stored!.types ? stored! : (await pinViews(deps, [stored!]))[0]!;
  const violations: FieldViolation[] = [];
  const rows = request.rows.map((row, i) => readRow(view, row, `rows[${i}]`, violations));
  if (violations.length > 0) throw invalidArgument(violations[0]!.reason!, violations);
  const newest = new Map<string, NewOnlineRow>();
  for (const row of rows) {
    const other = newest.get(row!.key);
    if (!other || isNewer(row!, other)) newest.set(row!.key, row!);
  }
  const written = await deps.database.withTransaction(async (tx) => {
    await lockView(tx, view.number);
    // In one order, so that two pushes of the same entities cannot wait for each other.
    const count = await pushOnline(
      tx,
      view.number,
      [...newest.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
    );
    await announce(tx, { kind: 'values', view: view.number });
    tx.afterCommit(() => deps.changes.apply({ kind: 'values', view: view.number }));
    return count;
  });
  return { writtenRows: BigInt(written), staleRows: BigInt(rows.length - written) };
}

function isNewer(a: NewOnlineRow, b: NewOnlineRow): boolean {
  if (a.eventMicros !== b.eventMicros) return a.eventMicros > b.eventMicros;
  return a.availableMicros > b.availableMicros;
}

function readRow(
  view: ViewWithEntity,
  row: PushedRow,
  field: string,
  violations: FieldViolation[],
): NewOnlineRow | undefined {
  const before = violations.length;
  const add = (at: string, reason: string, description: string) =>
    violations.push({ field: `${field}.${at}`, reason, description });
  const read = (value: { kind: unknown } | undefined, type: Parameters<typeof fromWire>[1]) =>
    value ? fromWire(value.kind as WireValue, type) : null;

  const keys: Value[] = view.entity.joinKeys.map(({ name, type }) => {
    const value = read(row.keys[name], featureTypeOf(type)!);
    if (value === null) add(`keys.${name}`, 'KEY_MISSING', `is missing. Give the key "${name}", ${nameOfType(type)}.`);
    if (value === undefined)
      add(`keys.${name}`, 'KEY_TYPE', `is ${row.keys[name]!.kind.case}, but the key is ${nameOfType(type)}.`);
    return value ?? null;
  });
  const values: Value[] = view.view.features.map(({ name, type }) => {
    const value = read(row.features[name], featureTypeOf(type)!);
    if (value === undefined)
      add(
        `features.${name}`,
        'FEATURE_TYPE',
        `is ${row.features[name]!.kind.case}, but the feature is ${nameOfType(type)}.`,
      );
    return value ?? null;
  });
  unknown(row.keys, view.entity.joinKeys, 'keys', 'KEY_NOT_FOUND', add);
  unknown(row.features, view.view.features, 'features', 'FEATURE_NOT_FOUND', add);
  if (!row.eventTime) add('event_time', 'EVENT_TIME_MISSING', 'is missing. Say when the values became valid.');
  const event = row.eventTime ? microsOf(row.eventTime) : 0n;
  const available = row.availableTime ? microsOf(row.availableTime) : event;
  for (const [name, micros] of [
    ['event_time', event],
    ['available_time', available],
  ] as const)
    if (micros < MICROS_MIN || micros > MICROS_MAX)
      add(name, 'TIME_OUT_OF_RANGE', 'is not between the years 1 and 2200.');
  const key = entityKey(keys);
  if (violations.length > before || key === undefined) return undefined;
  return { key, eventMicros: event, availableMicros: available, values: encodeValues(values) };
}

function unknown(
  given: Readonly<Record<string, unknown>>,
  known: readonly { readonly name: string }[],
  at: string,
  reason: string,
  add: (at: string, reason: string, description: string) => void,
): void {
  for (const name of Object.keys(given))
    if (!known.some((item) => item.name === name))
      add(
        `${at}.${name.slice(0, 80)}`,
        reason,
        `is not known. There are: ${known.map((item) => item.name).join(', ')}.`,
      );
}
