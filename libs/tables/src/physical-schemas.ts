import type { Digest } from '@millrace/kernel';
import type { TableConnection } from './connection.ts';
import { sqlType, type TableSchema } from './schema.ts';
import { quoteLiteral } from './sql.ts';

/** Files whose columns are remembered, at most; older ones are read again. */
const FILES_MAX = 10_000;

/**
 * Remembers which columns files have, so that a version whose files all have just its schema's columns is read plainly:
 * reading by field id (DuckDB's `schema` option) costs about twice the time and runs on fewer threads.
 */
export class PhysicalSchemas {
  readonly #known = new Map<Digest, string>();

  /** Whether every file has exactly the schema's columns: ids, names, types, order. */
  async areAll(connection: TableConnection, schema: TableSchema, paths: ReadonlyMap<Digest, string>): Promise<boolean> {
    const wanted = schema.fields.map(({ id, name, type }) => `${id} ${name} ${sqlType(type)}`).join('\n');
    for (const [digest, path] of paths) if ((await this.#columnsOf(connection, digest, path)) !== wanted) return false;
    return true;
  }

  async #columnsOf(connection: TableConnection, digest: Digest, path: string): Promise<string> {
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    const file = quoteLiteral(path);
    const ids = await connection.rows<{ name: string; field_id: number | null }>(
      `SELECT name, field_id FROM parquet_schema(${file}) WHERE field_id IS NOT NULL`,
    );
    const types = await connection.rows<{ column_name: string; column_type: string }>(
      `DESCRIBE SELECT * FROM read_parquet(${file})`,
    );
    const idOf = new Map(ids.map(({ name, field_id }) => [name, Number(field_id)]));
    const columns = types
      .map(({ column_name: n, column_type: type }) => `${idOf.get(n) ?? '?'} ${n} ${type}`)
      .join('\n');
    if (this.#known.size >= FILES_MAX) this.#known.clear();
    this.#known.set(digest, columns);
    return columns;
  }
}
