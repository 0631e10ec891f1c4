import { readFile, rename, writeFile } from 'node:fs/promises';
import { canonicalJson } from '@millrace/kernel';

/**
 * What a demo has done so far, kept in its data directory: a second run goes on behind the last finished part, and one
 * on a finished demo repeats its figures.
 */
export interface ProgressFile {
  /** What `work` gave when it was done first; runs it and keeps the answer when it was not done yet. */
  once<T>(part: string, work: () => Promise<T>): Promise<T>;
  /** Whether the part is done. */
  has(part: string): boolean;
  /** What a part gave, if it is done. */
  get<T>(part: string): T | undefined;
}

/** Opens the file at `path`; a missing one is empty. */
export async function openProgressFile(path: string): Promise<ProgressFile> {
  const parts: Record<string, unknown> = await readParts(path);
  const save = async () => {
    await writeFile(`${path}.next`, canonicalJson(parts));
    await rename(`${path}.next`, path);
  };
  return {
    has: (part) => Object.hasOwn(parts, part),
    get: <T>(part: string) => parts[part] as T | undefined,
    async once(part, work) {
      if (Object.hasOwn(parts, part)) return parts[part] as never;
      const value = await work();
      parts[part] = value ?? null;
      await save();
      return value;
    },
  };
}

async function readParts(path: string): Promise<Record<string, unknown>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
