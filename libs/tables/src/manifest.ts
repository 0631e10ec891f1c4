import type { BlobStore } from '@millrace/blobs';
import { AppError, canonicalJson, type Digest, invariant, isDigest, sha256 } from '@millrace/kernel';
import { diffSchemas, type SchemaChange } from './evolution.ts';
import { checkSchema, type TableSchema } from './schema.ts';

/**
 * Bounds of one column in one file. `min` and `max` are numbers where the type is numeric and the value is exact as a
 * double, else DuckDB's text of the value (`2001-01-01 00:01:00`); null where unknown: all values null, or texts too long.
 */
export interface ColumnStatistics {
  readonly min: number | string | null;
  readonly max: number | string | null;
  readonly nulls: number;
}

/** A Parquet file as it was written: its columns carry the schema's field ids. */
export interface WrittenFile {
  /** The blob that holds it. */
  readonly digest: Digest;
  readonly rows: number;
  readonly bytes: number;
  /** By field id. */
  readonly columns: Readonly<Record<string, ColumnStatistics>>;
}

/** A file of a version. */
export interface DataFile extends WrittenFile {
  /** The sequence number of the version that added it. */
  readonly sequence: number;
}

/** What a version did to its parent. */
export type Operation = 'append' | 'replace' | 'merge' | 'delete';

/** A value that JSON can hold. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A dataset version, modelled on an Iceberg snapshot (https://iceberg.apache.org/spec/#snapshots). */
export interface Manifest {
  readonly formatVersion: 1;
  /** The dataset's resource name. */
  readonly dataset: string;
  readonly schema: TableSchema;
  readonly files: readonly DataFile[];
  /** The sum of the files' rows. */
  readonly rows: number;
  /** The digest of the version that this one was made from. */
  readonly parent?: Digest;
  readonly operation: Operation;
  /** One more than the parent's; 1 for the first version. */
  readonly sequence: number;
  /** Where the source was left off. */
  readonly cursor?: JsonValue;
  /** Counters and facts about the operation. Must follow from the data alone, since it is part of the digest. */
  readonly summary: Readonly<Record<string, string | number>>;
  /** RFC 3339. Not part of the digest, and not of the stored blob. */
  readonly createdTime?: string;
}

/** What a new version brings. */
export interface ManifestChange {
  readonly files: readonly WrittenFile[];
  /** The schema after the change; the parent's unless given. */
  readonly schema?: TableSchema;
  readonly cursor?: JsonValue;
  readonly summary?: Readonly<Record<string, string | number>>;
  readonly createdTime?: string;
}

/** The first version of a dataset. */
export function createManifest(
  dataset: string,
  change: ManifestChange & { readonly schema: TableSchema; readonly operation?: Operation },
): Manifest {
  return build(
    { dataset, sequence: 1, operation: change.operation ?? 'append', kept: [], schema: change.schema },
    change,
  );
}

/** The parent's files and the new ones. */
export function appendManifest(parent: Manifest, change: ManifestChange): Manifest {
  return next(parent, 'append', parent.files, change);
}

/** The new files only. */
export function replaceManifest(parent: Manifest, change: ManifestChange): Manifest {
  return next(parent, 'replace', [], change);
}

/**
 * The parent's files without the `removed` ones, and the new files that take their place: for `merge` by key and
 * `delete`, which rewrite the files they touch. Throws when a removed file is not the parent's.
 */
export function rewriteManifest(
  parent: Manifest,
  operation: 'merge' | 'delete',
  change: ManifestChange & { readonly removed: readonly Digest[] },
): Manifest {
  const removed = new Set(change.removed);
  for (const digest of removed)
    invariant(
      parent.files.some((f) => f.digest === digest),
      `file ${digest} is in the parent`,
    );
  return next(
    parent,
    operation,
    parent.files.filter((f) => !removed.has(f.digest)),
    change,
  );
}

function next(parent: Manifest, operation: Operation, kept: readonly DataFile[], change: ManifestChange): Manifest {
  const { dataset, cursor } = parent;
  const base = { dataset, sequence: parent.sequence + 1, operation, kept, schema: change.schema ?? parent.schema };
  return build({ ...base, parent: manifestDigest(parent) }, cursor === undefined ? change : { cursor, ...change });
}

interface Base extends Pick<Manifest, 'dataset' | 'sequence' | 'operation' | 'schema'> {
  readonly kept: readonly DataFile[];
  readonly parent?: Digest;
}

function build({ kept, ...base }: Base, change: ManifestChange): Manifest {
  const added = change.files.filter((f) => f.rows > 0).map((file) => ({ ...file, sequence: base.sequence }));
  const files = [...kept, ...added];
  return {
    formatVersion: 1,
    ...base,
    schema: checkSchema(base.schema),
    files,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    summary: change.summary ?? {},
    ...(change.cursor === undefined ? {} : { cursor: change.cursor }),
    ...(change.createdTime === undefined ? {} : { createdTime: change.createdTime }),
  };
}

/** The canonical JSON of a manifest's content: the same text anywhere for the same rows in the same files. */
export function encodeManifest(manifest: Manifest): string {
  return canonicalJson({ ...manifest, createdTime: undefined });
}

/** The version's digest, which is also the digest of its blob. */
export function manifestDigest(manifest: Manifest): Digest {
  return sha256(encodeManifest(manifest));
}

/** Stores a manifest as a blob and gives its digest. */
export async function saveManifest(blobs: BlobStore, manifest: Manifest): Promise<Digest> {
  return (await blobs.put(Buffer.from(encodeManifest(manifest)))).digest;
}

/** Reads a manifest; the blob store's errors, or DATA_LOSS `MANIFEST_INVALID` when the blob is not one. */
export async function loadManifest(blobs: BlobStore, digest: Digest): Promise<Manifest> {
  const bytes = await blobs.bytes(digest);
  try {
    return decodeManifest(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new AppError('DATA_LOSS', `Blob ${digest} is not a manifest that this version of Millrace reads.`, {
      reason: 'MANIFEST_INVALID',
      fields: { digest },
      cause,
    });
  }
}

/** Parses what {@link encodeManifest} wrote, and checks that it hangs together. */
export function decodeManifest(text: string): Manifest {
  const manifest = JSON.parse(text) as Manifest;
  invariant(manifest.formatVersion === 1, `formatVersion ${manifest.formatVersion} is 1`);
  checkSchema(manifest.schema);
  invariant(
    manifest.files.every((f) => isDigest(f.digest) && Number.isInteger(f.rows)),
    'files have digests and rows',
  );
  invariant(manifest.rows === manifest.files.reduce((sum, f) => sum + f.rows, 0), 'rows are the sum of the files');
  return manifest;
}

/** What changed from one version to another. */
export interface ManifestDiff {
  readonly added: readonly DataFile[];
  readonly removed: readonly DataFile[];
  readonly rowsAdded: number;
  readonly rowsRemoved: number;
  readonly schema: readonly SchemaChange[];
}

/** The difference from `a` to `b` by files: a rewritten file counts as removed and added. */
export function diffManifests(a: Manifest, b: Manifest): ManifestDiff {
  const key = (file: DataFile) => `${file.digest}@${file.sequence}`;
  const [before, after] = [new Set(a.files.map(key)), new Set(b.files.map(key))];
  const added = b.files.filter((file) => !before.has(key(file)));
  const removed = a.files.filter((file) => !after.has(key(file)));
  const rowsOf = (files: readonly DataFile[]) => files.reduce((sum, file) => sum + file.rows, 0);
  return {
    added,
    removed,
    rowsAdded: rowsOf(added),
    rowsRemoved: rowsOf(removed),
    schema: diffSchemas(a.schema, b.schema),
  };
}
