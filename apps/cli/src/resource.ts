import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { invalidArgument, names } from '@millrace/kernel';
import type { Session } from './session.ts';

/** Collections whose members are named `workspaces/{workspace}/<collection>/{id}`. */
type Collection = {
  [K in keyof typeof names]: (typeof names)[K]['pattern'] extends `workspaces/{workspace}/${string}/{${string}}`
    ? K
    : never;
}[keyof typeof names];

/** The name of a resource, from a name or from a bare id in the session's workspace. Throws INVALID_ARGUMENT. */
export function nameOf(session: Session, kind: Collection, given: string): string {
  const { pattern } = names[kind];
  if (given.includes('/')) {
    names[kind].parse(given, kind);
    return given;
  }
  const variable = pattern.slice(pattern.lastIndexOf('{') + 1, -1);
  const ids: Record<string, string> = { workspace: idOf(session.workspace), [variable]: given };
  return (names[kind].format as (ids: Record<string, string>) => string)(ids);
}

/**
 * The name of a version, of a dataset or model: `flights@3`, `flights/versions/3` or the whole name; without a version
 * the name of the dataset or model itself.
 */
export function versionedName(session: Session, kind: 'dataset' | 'registeredModel', given: string): string {
  const version = kind === 'dataset' ? names.datasetVersion : names.modelVersion;
  const match = /^([^@/]+)(?:@|\/versions\/)v?([^@/]+)$/.exec(given);
  if (match) return `${nameOf(session, kind, match[1] as string)}/versions/${match[2]}`;
  if (version.matches(given)) return given;
  return nameOf(session, kind, given);
}

/** Like {@link versionedName}, but a version must be named. */
export function versionName(session: Session, kind: 'dataset' | 'registeredModel', given: string): string {
  const name = versionedName(session, kind, given);
  if (name.includes('/versions/')) return name;
  throw invalidArgument('VERSION_MISSING', [
    {
      field: 'version',
      reason: 'VERSION_MISSING',
      description: `"${given}" names no version. Write it like ${given}@3.`,
    },
  ]);
}

/** The last segment of a name. */
export function idOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** A version's name in short, `flights@3`; other names as their id. */
export function shortName(name: string): string {
  const match = /\/([^/]+)\/versions\/([^/]+)$/.exec(name);
  return match ? `${match[1]}@${match[2]}` : idOf(name);
}

/** The moment of a protobuf timestamp. */
export function dateOf(time: Timestamp | undefined): Date | undefined {
  return time && timestampDate(time);
}

/** Results to read, at most, when all are wanted. */
const RESULTS_MAX = 100_000;

/** All results of a paged list, up to `max`. */
export async function allPages<T>(
  page: (token: string, size: number) => Promise<{ items: readonly T[]; next: string }>,
  max = RESULTS_MAX,
): Promise<T[]> {
  const all: T[] = [];
  let token = '';
  do {
    const { items, next } = await page(token, Math.min(1000, max - all.length));
    all.push(...items);
    token = next;
  } while (token !== '' && all.length < max);
  return all.slice(0, max);
}
