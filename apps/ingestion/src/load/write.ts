import type { BlobStore } from '@millrace/blobs';
import type { Digest } from '@millrace/kernel';
import { invariant } from '@millrace/kernel';
import type { Manifest, TableConnection, TableEngine, TableSchema, WriteResult, WrittenFile } from '@millrace/tables';
import { appendManifest, createManifest, quoteIdentifier, replaceManifest, rewriteManifest } from '@millrace/tables';

/** How loaded rows meet those that are there. */
export type Disposition = 'append' | 'replace' | 'merge';

/** Rows to write and what they meet. */
export interface WriteOptions {
  readonly tables: TableEngine;
  readonly blobs: BlobStore;
  readonly dataset: string;
  readonly disposition: Disposition;
  readonly base: Manifest | undefined;
  readonly schema: TableSchema;
  readonly primaryKey: readonly string[];
  /** The rows, in the order of reading. */
  readonly rowsSql: string;
}

/** A version's content: new files are in the blob store, the manifest is not stored yet. */
export interface Written {
  readonly manifest: Manifest;
  /** Rows that the load brought. */
  readonly loadedRows: number;
  readonly writtenBytes: number;
  /** Digests of the files that the parent does not have. */
  readonly addedFiles: readonly Digest[];
  /** The new rows alone, without those that a merge has only rewritten. */
  readonly newFiles: readonly WrittenFile[];
}

/** Writes the rows of a load as files and makes the manifest of the version. */
export async function writeRows(connection: TableConnection, options: WriteOptions): Promise<Written> {
  const { tables, disposition, base, schema } = options;
  if (disposition === 'merge' && base) return merge(connection, { ...options, base });
  const sql = disposition === 'merge' ? await deduplicated(connection, options) : options.rowsSql;
  const written = await tables.writeParquet({ connection, sql, schema });
  const change = { files: written.files, schema };
  const manifest = base
    ? (disposition === 'replace' ? replaceManifest : appendManifest)(base, change)
    : createManifest(options.dataset, { ...change, operation: disposition });
  return summary(manifest, written, written.files);
}

/**
 * Merges copy-on-write: files of the parent that hold a row with a key of the load are written again without it; the others
 * are not touched.
 */
async function merge(
  connection: TableConnection,
  options: WriteOptions & { readonly base: Manifest },
): Promise<Written> {
  const { tables, base, schema, primaryKey } = options;
  const incoming = await deduplicated(connection, options);
  const written = await tables.writeParquet({ connection, sql: incoming, schema });
  const keys = primaryKey.map(quoteIdentifier).join(', ');
  const removed: Digest[] = [];
  const rewritten: WrittenFile[] = [];
  for (const digest of new Set(base.files.map((file) => file.digest))) {
    // Rows that were appended twice are two files with one digest.
    const files = base.files.filter((file) => file.digest === digest);
    const relation = await tables.relationSql({ ...base, schema, files });
    const [hit] = await connection.rows<{ n: number }>(
      `SELECT count(*) AS n FROM (SELECT ${keys} FROM (${relation})) SEMI JOIN (SELECT ${keys} FROM (${incoming})) USING (${keys})`,
    );
    if (hit!.n === 0) continue;
    const rest = await tables.writeParquet({
      connection,
      sql: `SELECT * FROM (${relation}) ANTI JOIN (SELECT ${keys} FROM (${incoming})) USING (${keys})`,
      schema,
    });
    removed.push(digest);
    rewritten.push(...rest.files);
  }
  const files = [...rewritten, ...written.files];
  return summary(rewriteManifest(base, 'merge', { files, schema, removed }), written, files);
}

/** The rows with one row for each key: the one that was read last (files in sorted order, rows in the order of the file). */
async function deduplicated(connection: TableConnection, options: WriteOptions): Promise<string> {
  const { primaryKey, rowsSql, schema } = options;
  invariant(primaryKey.length > 0, 'a merge has a primary key');
  const keys = primaryKey.map(quoteIdentifier).join(', ');
  const columns = schema.fields.map(({ name }) => quoteIdentifier(name)).join(', ');
  await connection.run(`CREATE TEMP TABLE incoming AS
    SELECT ${columns} FROM (SELECT *, row_number() OVER () AS millrace_order FROM (${rowsSql}))
    QUALIFY row_number() OVER (PARTITION BY ${keys} ORDER BY millrace_order DESC) = 1 ORDER BY millrace_order`);
  return `SELECT ${columns} FROM incoming`;
}

function summary(manifest: Manifest, written: WriteResult, files: readonly WrittenFile[]): Written {
  return {
    manifest,
    loadedRows: written.rows,
    writtenBytes: files.reduce((sum, file) => sum + file.bytes, 0),
    addedFiles: files.map(({ digest }) => digest),
    newFiles: written.files,
  };
}
