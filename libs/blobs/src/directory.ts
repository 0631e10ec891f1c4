import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Clock, type Digest, systemClock } from '@millrace/kernel';
import { collectDirectory } from './collect.ts';
import { blobCorrupt, blobNotFound, checkDigest, checkRange, errnoOf, storageError } from './errors.ts';
import { digestOf, hashFile, newHash, readChunks, syncDirectory, writeAll } from './files.ts';
import type { BlobInfo, BlobStore, ByteRange, CollectOptions, CollectResult } from './store.ts';

/** Where blobs are kept. */
export interface DirectoryBlobsOptions {
  /** Made when it is missing. Must lie on one local file system with atomic rename. */
  readonly directory: string;
  /** Tells the age of blobs; the machine's clock unless given. */
  readonly clock?: Clock;
}

/**
 * Blobs as read-only files `sha256/<first two digits>/<other digits>` of a directory. A write goes to a temporary file,
 * which is fsynced and then renamed. Several processes may use one directory.
 */
export function createDirectoryBlobs(options: DirectoryBlobsOptions): BlobStore {
  return new DirectoryBlobs(resolve(options.directory), options.clock ?? systemClock);
}

class DirectoryBlobs implements BlobStore {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #madeDirectories = new Map<string, Promise<void>>();
  /** Blobs that this process has written or read whole; one entry of about 200 bytes for each blob used. */
  readonly #verified = new Map<Digest, Promise<void>>();

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  put(source: AsyncIterable<Uint8Array> | Uint8Array): Promise<BlobInfo> {
    return this.#writing(async (temporary) => {
      const file = await open(temporary, 'wx');
      try {
        const hash = newHash();
        let sizeBytes = 0;
        for await (const chunk of source instanceof Uint8Array ? [source] : source) {
          hash.update(chunk);
          await writeAll(file, chunk);
          sizeBytes += chunk.length;
        }
        await file.sync();
        return { digest: digestOf(hash), sizeBytes };
      } finally {
        await file.close();
      }
    });
  }

  async putFile(path: string, options: { readonly move?: boolean } = {}): Promise<BlobInfo> {
    if (options.move) {
      const moved = await this.#moveFile(path);
      if (moved) return moved;
    }
    const source = await open(path, 'r');
    try {
      const info = await this.put(readChunks(source, 0, (await source.stat()).size));
      if (options.move) await rm(path);
      return info;
    } finally {
      await source.close();
    }
  }

  async *get(digest: Digest, range?: ByteRange): AsyncGenerator<Uint8Array> {
    if (range) await this.#verify(digest);
    const file = await this.#open(digest);
    try {
      const { size } = await file.stat();
      const start = range?.start ?? 0;
      const end = range?.end ?? size;
      checkRange(digest, start, end, size);
      if (range) yield* readChunks(file, start, end);
      else yield* verifiedChunks(digest, readChunks(file, 0, size));
    } finally {
      await file.close();
    }
    if (!range) this.#verified.set(digest, Promise.resolve());
  }

  async bytes(digest: Digest): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.get(digest)) chunks.push(chunk);
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  async has(digest: Digest): Promise<boolean> {
    return (await this.#stat(digest)) !== undefined;
  }

  async sizeOf(digest: Digest): Promise<number> {
    const found = await this.#stat(digest);
    if (!found) throw blobNotFound(digest);
    return found.size;
  }

  async localPath(digest: Digest): Promise<string> {
    await this.#verify(digest);
    if (!(await this.has(digest))) {
      this.#verified.delete(digest);
      throw blobNotFound(digest);
    }
    return this.#pathOf(digest);
  }

  async collect(options: CollectOptions): Promise<CollectResult> {
    const result = await collectDirectory(this.#directory, this.#clock, options);
    if (!options.dryRun) this.#verified.clear();
    return result;
  }

  #pathOf(digest: Digest): string {
    const hex = checkDigest(digest).slice('sha256:'.length);
    return join(this.#directory, 'sha256', hex.slice(0, 2), hex.slice(2));
  }

  async #stat(digest: Digest) {
    try {
      return await stat(this.#pathOf(digest));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #open(digest: Digest) {
    try {
      return await open(this.#pathOf(digest), 'r');
    } catch (error) {
      throw errnoOf(error) === 'ENOENT' ? blobNotFound(digest) : error;
    }
  }

  /** Reads the blob once per process; later calls share the outcome, unless it was a failure. */
  #verify(digest: Digest): Promise<void> {
    const known = this.#verified.get(digest);
    if (known) return known;
    const check = (async () => {
      const file = await this.#open(digest);
      try {
        const actual = await hashFile(file);
        if (actual.digest !== digest) throw blobCorrupt(digest, actual.digest);
      } catch (error) {
        this.#verified.delete(digest);
        throw error;
      } finally {
        await file.close();
      }
    })();
    this.#verified.set(digest, check);
    check.catch(() => this.#verified.delete(digest));
    return check;
  }

  /** Runs `write` on a fresh temporary path and publishes what it wrote; removes it when anything fails. */
  async #writing(write: (temporary: string) => Promise<BlobInfo>): Promise<BlobInfo> {
    const temporary = join(this.#directory, 'tmp', `${process.pid}-${randomBytes(8).toString('hex')}`);
    try {
      await this.#makeDirectory(dirname(temporary));
      const info = await write(temporary);
      await this.#publish(temporary, info.digest);
      return info;
    } catch (error) {
      await rm(temporary, { force: true });
      throw storageError(error, this.#directory);
    }
  }

  async #moveFile(path: string): Promise<BlobInfo | undefined> {
    const file = await open(path, 'r+');
    let info: BlobInfo;
    try {
      info = await hashFile(file);
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      await this.#publish(path, info.digest);
      return info;
    } catch (error) {
      if (errnoOf(error) === 'EXDEV') return undefined;
      throw storageError(error, this.#directory);
    }
  }

  /**
   * Gives a whole, durable file its final name. It replaces a file of that name: the content is the same, a damaged
   * one is healed, and its age starts anew, which saves it from a collection that runs at this moment.
   */
  async #publish(file: string, digest: Digest): Promise<void> {
    const path = this.#pathOf(digest);
    await this.#makeDirectory(dirname(path));
    const now = this.#clock.now();
    await utimes(file, now, now);
    await chmod(file, 0o444);
    await rename(file, path);
    await syncDirectory(dirname(path));
    this.#verified.set(digest, Promise.resolve());
  }

  /** Makes a directory, durably, once per process. */
  #makeDirectory(path: string): Promise<void> {
    const known = this.#madeDirectories.get(path);
    if (known) return known;
    const made = (async () => {
      const first = await mkdir(path, { recursive: true });
      if (first === undefined) return;
      for (let at = path; at.length >= first.length; at = dirname(at)) await syncDirectory(dirname(at));
    })();
    this.#madeDirectories.set(path, made);
    made.catch(() => this.#madeDirectories.delete(path));
    return made;
  }
}

/** Passes chunks on one late, so that the last one leaves only after the digest held. */
async function* verifiedChunks(digest: Digest, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hash = newHash();
  let held: Uint8Array | undefined;
  for await (const chunk of chunks) {
    if (held) yield held;
    hash.update(chunk);
    held = chunk;
  }
  const actual = digestOf(hash);
  if (actual !== digest) throw blobCorrupt(digest, actual);
  if (held) yield held;
}
