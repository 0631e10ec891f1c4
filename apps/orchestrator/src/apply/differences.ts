import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { canonicalJson } from '@millrace/kernel';

/**
 * The fields in which a resource differs from what is there, a sentence each. Fields that are left out do not count,
 * since services fill in defaults; but those that the pipeline gave before and leaves out now do.
 */
export function differences(wanted: JsonObject, stored: JsonObject, before: JsonObject | undefined): string[] {
  const changed = Object.entries(wanted)
    .filter(([key, value]) => !covers(stored[key], value))
    .map(([key]) => `${key} changes.`);
  const removed = Object.keys(before ?? {})
    .filter((key) => !(key in wanted) && key in stored)
    .map((key) => `${key} is left out from now on.`);
  const rewritten = Object.entries(wanted)
    .filter(([key, value]) => covers(stored[key], value) && before?.[key] !== undefined)
    .filter(([key, value]) => canonicalJson(before?.[key]) !== canonicalJson(value))
    .map(([key]) => `${key} is written differently.`);
  return [...changed, ...removed, ...rewritten];
}

/** Whether all that is wanted is there; what is there may have more fields, but not more list items. */
function covers(stored: JsonValue | undefined, wanted: JsonValue): boolean {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(stored) || stored.length !== wanted.length) return false;
    return wanted.every((item, i) => covers(stored[i], item));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) return false;
    return Object.entries(wanted).every(([key, value]) => covers(stored[key], value));
  }
  return stored === wanted;
}
