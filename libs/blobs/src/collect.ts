import { link, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Digest, isDigest } from '@millrace/kernel';
import { errnoOf } from './errors.ts';
import type { CollectOptions, CollectResult } from './store.ts';

/**
 * Deletes dead blobs of a directory store. A blob is first renamed away and its age read again: when it was written anew
 * in between, it is linked back, so that a concurrent `put` never loses its blob.
 */
export async function collectDirectory(
  directory: string,
  clock: Clock,
  options: CollectOptions,
): Promise<CollectResult> {
  const live = new Set<Digest>();
  for await (const digest of options.live) live.add(digest);
  const bornBefore = clock.now().getTime() - options.olderThanMs;
  const trash = join(directory, 'tmp');
  const result = { deleted: 0, deletedBytes: 0, kept: 0, keptBytes: 0, temporariesDeleted: 0 };

  for (const prefix of await entriesOf(join(directory, 'sha256'))) {
    for (const rest of await entriesOf(join(directory, 'sha256', prefix))) {
      const digest = `sha256:${prefix}${rest}`;
      const path = join(directory, 'sha256', prefix, rest);
      const found = await statOf(path);
      if (!found || !isDigest(digest)) continue;
      const isDead = !live.has(digest) && found.mtimeMs <= bornBefore;
      const isGone =
        isDead &&
        (options.dryRun || (await removeUnlessRenewed(path, join(trash, `dead-${prefix}${rest}`), bornBefore)));
      if (isGone) {
        result.deleted += 1;
        result.deletedBytes += found.size;
      } else {
        result.kept += 1;
        result.keptBytes += found.size;
      }
    }
  }

  for (const name of await entriesOf(trash)) {
    const found = await statOf(join(trash, name));
    if (!found || found.mtimeMs > bornBefore) continue;
    if (!options.dryRun) await rm(join(trash, name), { force: true });
    result.temporariesDeleted += 1;
  }
  return result;
}

async function removeUnlessRenewed(path: string, trashed: string, bornBefore: number): Promise<boolean> {
  try {
    await rename(path, trashed);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
  const found = await statOf(trashed);
  const isRenewed = found !== undefined && found.mtimeMs > bornBefore;
  if (isRenewed) await linkBack(trashed, path);
  await rm(trashed, { force: true });
  return !isRenewed;
}

async function linkBack(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error; // Written once more: all the better.
  }
}

async function entriesOf(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
