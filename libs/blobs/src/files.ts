import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Digest } from '@millrace/kernel';

/** Bytes read or written at a time: large enough for speed, small enough that hashing holds the event loop < 1 ms. */
export const CHUNK_BYTES = 1 << 20;

/** The digest of what a hash has seen. */
export function digestOf(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`;
}

/** A fresh SHA-256. */
export function newHash(): Hash {
  return createHash('sha256');
}

/** Reads a part of an open file in chunks that are the caller's own. */
export async function* readChunks(file: FileHandle, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; ) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - at));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) return; // Shorter than it was: the digest will tell.
    at += bytesRead;
    yield bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead);
  }
}

/** Hashes an open file in constant memory: two buffers, so that reading and hashing overlap. */
export async function hashFile(file: FileHandle): Promise<{ digest: Digest; sizeBytes: number }> {
  const hash = newHash();
  const buffers = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)] as const;
  let at = 0;
  let pending = file.read(buffers[0], 0, CHUNK_BYTES, 0);
  for (let turn = 0; ; turn ^= 1) {
    const { bytesRead } = await pending;
    if (bytesRead === 0) return { digest: digestOf(hash), sizeBytes: at };
    at += bytesRead;
    pending = file.read(buffers[turn === 0 ? 1 : 0], 0, CHUNK_BYTES, at);
    hash.update(buffers[turn === 0 ? 0 : 1].subarray(0, bytesRead));
  }
}

/** Writes all of `chunk` at the file's current position. */
export async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, at, chunk.length - at);
    at += bytesWritten;
  }
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
