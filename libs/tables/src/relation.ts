import type { Digest } from '@millrace/kernel';
import type { Manifest } from './manifest.ts';
import { sqlType, type TableSchema } from './schema.ts';
import { quoteIdentifier, quoteList, quoteLiteral } from './sql.ts';

/**
 * The SQL of a relation with all rows of a version, in its schema's columns: `pathOf` tells the local file of a digest.
 * Files are matched by field id, so that a column which an old file lacks is null, a renamed column is found under its
 * old name and a widened one is cast; filters and column choice still reach the Parquet reader.
 */
export function readSql(manifest: Manifest, pathOf: (digest: Digest) => string): string {
  return readFilesSql(
    manifest.schema,
    manifest.files.map((file) => pathOf(file.digest)),
  );
}

/** As {@link readSql}, over Parquet files that were written with the schema's field ids. */
export function readFilesSql(schema: TableSchema, paths: readonly string[]): string {
  if (paths.length === 0) {
    const nulls = schema.fields.map(
      (field) => `CAST(NULL AS ${sqlType(field.type)}) AS ${quoteIdentifier(field.name)}`,
    );
    return `SELECT ${nulls.join(', ')} WHERE false`;
  }
  const entries = schema.fields.map(
    ({ id, name, type }) =>
      `${id}: {name: ${quoteLiteral(name)}, type: ${quoteLiteral(sqlType(type))}, default_value: NULL}`,
  );
  return `SELECT * FROM read_parquet(${quoteList(paths)}, schema = MAP {${entries.join(', ')}})`;
}

/** The SQL of a relation over Parquet files that all have the same columns. */
export function readPlainSql(paths: readonly string[]): string {
  return `SELECT * FROM read_parquet(${quoteList(paths)})`;
}
