import { AppError, type Digest, invalidArgument, isAppError, isDigest } from '@millrace/kernel';

/** Gives `digest` back, or throws INVALID_ARGUMENT `DIGEST_INVALID`: a digest becomes a path, so it is always checked. */
export function checkDigest(digest: string): Digest {
  if (isDigest(digest)) return digest;
  throw invalidArgument('DIGEST_INVALID', [
    {
      field: 'digest',
      reason: 'DIGEST_INVALID',
      description: `${JSON.stringify(String(digest).slice(0, 100))} is not a digest. Use "sha256:" and 64 lower-case hexadecimal digits.`,
    },
  ]);
}

/** DATA_LOSS `BLOB_CORRUPT`: the stored bytes are not those that were written. */
export function blobCorrupt(digest: Digest, actual: Digest): AppError {
  return new AppError(
    'DATA_LOSS',
    `Blob ${digest} is corrupt: its stored bytes have the digest ${actual}. Restore it from a backup, or delete it and produce it again.`,
    { reason: 'BLOB_CORRUPT', fields: { digest, actual } },
  );
}

/** NOT_FOUND `BLOB_NOT_FOUND`. */
export function blobNotFound(digest: Digest): AppError {
  return new AppError(
    'NOT_FOUND',
    `Blob ${digest} does not exist. It was never stored here, or has been collected as unreferenced.`,
    { reason: 'BLOB_NOT_FOUND', fields: { digest } },
  );
}

/** OUT_OF_RANGE `BLOB_RANGE_INVALID` unless 0 ≤ start ≤ end ≤ size. */
export function checkRange(digest: Digest, start: number, end: number, sizeBytes: number): void {
  if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= sizeBytes) return;
  throw new AppError(
    'OUT_OF_RANGE',
    `Bytes ${start} to ${end} do not lie within blob ${digest} of ${sizeBytes} bytes. Ask for 0 ≤ start ≤ end ≤ ${sizeBytes}.`,
    { reason: 'BLOB_RANGE_INVALID', fields: { digest, start: `${start}`, end: `${end}`, sizeBytes: `${sizeBytes}` } },
  );
}

/** Turns "no room" of the operating system into RESOURCE_EXHAUSTED `STORAGE_FULL`; gives other errors back unchanged. */
export function storageError(error: unknown, directory: string): unknown {
  if (isAppError(error)) return error;
  const code = errnoOf(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new AppError('RESOURCE_EXHAUSTED', `No room left in ${directory}. Free disk space, or raise the quota.`, {
    reason: 'STORAGE_FULL',
    fields: { directory },
    cause: error,
  });
}

/** The `code` of an operating system error, for example `ENOENT`; by structure, since errors cross realms in tests. */
export function errnoOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}
