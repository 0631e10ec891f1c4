import type { Digest } from '@millrace/kernel';

/** What a blob is called and how large it is. */
export interface BlobInfo {
  /** SHA-256 of the whole content: the blob's only name. */
  readonly digest: Digest;
  /** Length of the content in bytes. */
  readonly sizeBytes: number;
}

/** A part of a blob: bytes `start` (inclusive, from 0) to `end` (exclusive; the blob's end unless given). */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

/** Which blobs to keep and which may go. */
export interface CollectOptions {
  /** Digests that are still referred to. Held in memory while collecting: about 150 bytes each. */
  readonly live: AsyncIterable<Digest> | Iterable<Digest>;
  /**
   * Only blobs whose last `put` is at least this many milliseconds ago are deleted, so that a blob that was written but
   * whose reference is not committed yet survives. Must be longer than the longest job that writes blobs.
   */
  readonly olderThanMs: number;
  /** Counts what would be deleted, and deletes nothing. */
  readonly dryRun?: boolean;
}

/** What a collection did, or in a dry run would have done. */
export interface CollectResult {
  readonly deleted: number;
  readonly deletedBytes: number;
  readonly kept: number;
  readonly keptBytes: number;
  /** Leftovers of interrupted writes that were removed. */
  readonly temporariesDeleted: number;
}

/**
 * Immutable objects named by the SHA-256 of their content. Every adapter passes `blobsContract` of
 * `@millrace/blobs/contract`.
 *
 * A blob is visible only when it is whole and durable: a crash at any byte of a write leaves nothing visible. Writing
 * the same content again, also at the same time, gives the same one object. Memory does not grow with the size of a
 * blob, except in `bytes`.
 *
 * Errors: DATA_LOSS `BLOB_CORRUPT` when the stored bytes do not have the digest; NOT_FOUND `BLOB_NOT_FOUND`;
 * RESOURCE_EXHAUSTED `STORAGE_FULL` when there is no room (nothing is left behind); OUT_OF_RANGE `BLOB_RANGE_INVALID`;
 * INVALID_ARGUMENT `DIGEST_INVALID`.
 */
export interface BlobStore {
  /** Stores the content, which is read once. An error of the source is passed on, and nothing is stored. */
  put(source: AsyncIterable<Uint8Array> | Uint8Array): Promise<BlobInfo>;
  /**
   * Stores the content of a file. With `move` the caller gives the file away: it must not be written to any more, and is
   * gone afterwards; where it lies on the store's own file system, it is renamed and not copied. Without `move` the
   * file is copied, because a hard link would let later writes to the file change the blob.
   */
  putFile(path: string, options?: { readonly move?: boolean }): Promise<BlobInfo>;
  /**
   * The content as a stream. A whole read is verified while it streams, and its last chunk is handed out only after
   * the digest held; the first read of a range verifies the whole blob, once per process.
   */
  get(digest: Digest, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** The whole content, verified. For small blobs: it is held in memory. */
  bytes(digest: Digest): Promise<Uint8Array>;
  /** Whether the blob is there, without reading it. */
  has(digest: Digest): Promise<boolean>;
  /** The blob's length in bytes, without reading it. */
  sizeOf(digest: Digest): Promise<number>;
  /**
   * A file with the content that other programs can open or map (DuckDB, ONNX Runtime); it must not be changed.
   * Verified once per process. It stays while the blob is not collected.
   */
  localPath(digest: Digest): Promise<string>;
  /**
   * Deletes the blobs that are neither live nor young. A reader that has opened a blob reads it to its end; a blob that
   * is written again meanwhile stays.
   */
  collect(options: CollectOptions): Promise<CollectResult>;
}
