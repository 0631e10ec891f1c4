import { glob, realpath, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { AppError } from '@millrace/kernel';
import { fileMissing } from './errors.ts';

/** Most files that one source may name. */
export const SOURCE_FILES_MAX = 100_000;

/**
 * The files that paths and glob patterns name, absolute, sorted and without repeats. `within` limits them, links resolved, to some directories.
 *
 * Errors: NOT_FOUND `FILE_MISSING` for a pattern without a match, INVALID_ARGUMENT `FILE_EMPTY` for a file of zero bytes, PERMISSION_DENIED
 * `SOURCE_PATH_FORBIDDEN`, RESOURCE_EXHAUSTED `SOURCE_FILES_TOO_MANY`.
 */
export async function expandSourcePaths(
  patterns: readonly string[],
  options: { readonly within?: readonly string[] } = {},
): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) {
    const matches = await filesOf(resolve(pattern));
    if (matches.length === 0) throw fileMissing(pattern);
    for (const path of matches) found.add(path);
    if (found.size > SOURCE_FILES_MAX) {
      throw new AppError(
        'RESOURCE_EXHAUSTED',
        `${pattern} names more than ${SOURCE_FILES_MAX} files. Load them in several runs.`,
        {
          reason: 'SOURCE_FILES_TOO_MANY',
          fields: { pattern },
        },
      );
    }
  }
  const roots = options.within && (await Promise.all(options.within.map((directory) => realpath(directory))));
  for (const path of found) await checkFile(path, roots);
  return [...found].sort();
}

async function filesOf(pattern: string): Promise<string[]> {
  if (await isFile(pattern)) return [pattern];
  const files: string[] = [];
  for await (const match of glob(pattern)) {
    const path = resolve(match);
    if (await isFile(path)) files.push(path);
    if (files.length > SOURCE_FILES_MAX) break;
  }
  return files;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function checkFile(path: string, roots: readonly string[] | undefined): Promise<void> {
  if (roots) {
    const real = await realpath(path);
    if (!roots.some((root) => real.startsWith(root.endsWith(sep) ? root : root + sep))) {
      throw new AppError(
        'PERMISSION_DENIED',
        `${path} lies outside of the directories that sources may read. Move it there, or allow its directory.`,
        {
          reason: 'SOURCE_PATH_FORBIDDEN',
          fields: { path },
        },
      );
    }
  }
  if ((await stat(path)).size > 0) return;
  throw new AppError('INVALID_ARGUMENT', `The file ${path} is empty. Deliver it again, or take it out of the source.`, {
    reason: 'FILE_EMPTY',
    fields: { path },
  });
}

/** A path as a DuckDB pattern that matches it alone. */
export function literalPath(path: string): string {
  return path.replace(/[*?[]/g, (character) => `[${character}]`);
}
