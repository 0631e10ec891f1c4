export type { DirectoryBlobsOptions } from './directory.ts';
export { createDirectoryBlobs } from './directory.ts';
export type { BlobInfo, BlobStore, ByteRange, CollectOptions, CollectResult } from './store.ts';
