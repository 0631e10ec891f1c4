import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Trigger } from '@millrace/contracts/millrace/orchestrator/v1/pipeline';

/** Whether an event (in its JSON form) is one that a trigger waits for. */
export function matchesFilter(filter: Readonly<Record<string, string>>, event: unknown): boolean {
  return Object.entries(filter).every(([path, expected]) => isEqual(textAt(event, path), expected));
}

/** Whether a trigger may begin a run again. */
export function isCool(trigger: Trigger, lastRunAt: Date | null, now: Date): boolean {
  if (lastRunAt === null || !trigger.cooldown) return true;
  return now.getTime() - lastRunAt.getTime() >= durationMs(trigger.cooldown);
}

/** The text of a field of an event, by its path in the JSON form; undefined where there is none. Lists and objects are given as JSON. */
export function textAt(event: unknown, path: string): string | undefined {
  let value = event;
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    const object = value as Record<string, unknown>;
    value = object[part] ?? object[part.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())];
  }
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Texts are equal, or a bare id is that of a name, or a word is that of an enum value (`PUBLISH`, `VERDICT_PUBLISH`). */
function isEqual(actual: string | undefined, expected: string): boolean {
  if (actual === undefined) return expected === '';
  if (actual === expected) return true;
  if (actual.startsWith('workspaces/')) return !expected.includes('/') && actual.endsWith(`/${expected}`);
  return expected !== '' && /^[A-Z][A-Z0-9_]*$/.test(actual) && actual.endsWith(`_${expected}`);
}
