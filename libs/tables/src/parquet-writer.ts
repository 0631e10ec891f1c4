import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '@millrace/blobs';
import { AppError, invalidArgument } from '@millrace/kernel';
import type { TableConnection } from './connection.ts';
import type { ColumnStatistics, WrittenFile } from './manifest.ts';
import {
  type ColumnType,
  columnTypeOf,
  type FieldSpec,
  fieldNamed,
  schemaOf,
  sqlType,
  type TableSchema,
} from './schema.ts';
import { quoteIdentifier, quoteLiteral } from './sql.ts';

/** Rows in a file unless asked otherwise: one file is written by all threads together, and stays below a few hundred MB. */
export const FILE_ROWS_MAX = 16_000_000;
/** Rows in a row group, the unit of skipping by statistics: DuckDB's own default, which its scans are tuned for. */
export const ROW_GROUP_ROWS = 122_880;

/** A query whose rows are to become files. */
export interface WriteSpec {
  /** A SELECT of the platform's own. */
  readonly sql: string;
  /**
   * The columns to write, found in the query's result by name and cast to their type; columns that the query lacks are null.
   * Without it the query's own columns, with ids from 1.
   */
  readonly schema?: TableSchema;
  /** Columns to order the rows by; without it the order of the query, if it has one. */
  readonly sortBy?: readonly { readonly column: string; readonly descending?: boolean }[];
  readonly rowGroupRows?: number;
  /** Most rows in one file; {@link FILE_ROWS_MAX} unless given. A larger result is cut into several files, in order. */
  readonly fileRowsMax?: number;
}

/** Files that were written, durable as blobs, and the schema they have. */
export interface WriteResult {
  readonly schema: TableSchema;
  /** In the order of the rows; none when there are no rows. */
  readonly files: readonly WrittenFile[];
  readonly rows: number;
}

interface CopyStatistics {
  readonly filename: string;
  readonly count: number;
  readonly file_size_bytes: number;
  /** By quoted column name, then by the statistic's name; all values as text. */
  readonly column_statistics: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * Writes a query's rows as zstd-compressed Parquet with field ids, and moves the files into the blob store. The same rows in the same order give the
 * same bytes, whatever the number of threads. Memory stays within the engine's limit; nothing is left behind on failure.
 *
 * Errors: those of the SQL; FAILED_PRECONDITION `COLUMN_NOT_NULLABLE`; INVALID_ARGUMENT `COLUMN_TYPE_UNSUPPORTED`.
 */
export async function writeParquet(
  connection: TableConnection,
  blobs: BlobStore,
  scratch: string,
  spec: WriteSpec,
): Promise<WriteResult> {
  const incoming = await describeColumns(connection, spec.sql);
  const schema = spec.schema ?? schemaOf(incoming);
  const rowsSql = selectSql(spec, schema, incoming);
  await mkdir(scratch, { recursive: true });
  try {
    const whole = join(scratch, 'part-0.parquet');
    let parts = [await copy(connection, rowsSql, whole, schema, spec)];
    const fileRowsMax = spec.fileRowsMax ?? FILE_ROWS_MAX;
    if (parts[0]!.count > fileRowsMax)
      parts = await split(connection, whole, parts[0]!.count, fileRowsMax, schema, spec);
    const files: WrittenFile[] = [];
    for (const part of parts.filter((p) => p.count > 0)) files.push(await publish(blobs, schema, part));
    return { schema, files, rows: files.reduce((sum, file) => sum + file.rows, 0) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The columns of a query, without running it; throws `COLUMN_TYPE_UNSUPPORTED` naming all that no dataset can hold. */
export async function describeColumns(connection: TableConnection, sql: string): Promise<FieldSpec[]> {
  const described = await connection.rows<{ column_name: string; column_type: string }>(`DESCRIBE ${sql}`);
  const columns = described.map(({ column_name: name, column_type: type }) => ({
    name,
    type: columnTypeOf(type),
    sql: type,
  }));
  const unsupported = columns.filter((column) => column.type === undefined);
  if (unsupported.length > 0) {
    throw invalidArgument(
      'COLUMN_TYPE_UNSUPPORTED',
      unsupported.map(({ name, sql: type }) => ({
        field: `columns.${name}`,
        reason: 'COLUMN_TYPE_UNSUPPORTED',
        description: `Column "${name}" has the type ${type}, which no dataset can hold. Cast it, or take it apart into plain columns.`,
      })),
    );
  }
  return columns.map(({ name, type }) => ({ name, type: type as ColumnType }));
}

function selectSql(spec: WriteSpec, schema: TableSchema, incoming: readonly FieldSpec[]): string {
  const names = new Set(incoming.map((column) => column.name.toLowerCase()));
  const columns = schema.fields.map(({ name, type }) => {
    const quoted = quoteIdentifier(name);
    return `CAST(${names.has(name.toLowerCase()) ? quoted : 'NULL'} AS ${sqlType(type)}) AS ${quoted}`;
  });
  const order = (spec.sortBy ?? []).map(({ column, descending }) => {
    const field = fieldNamed(schema, column);
    if (!field)
      throw invalidArgument('COLUMN_NOT_FOUND', [{ field: 'sortBy', description: `There is no column "${column}".` }]);
    return `${quoteIdentifier(field.name)} ${descending ? 'DESC' : 'ASC'} NULLS LAST`;
  });
  return `SELECT ${columns.join(', ')} FROM (${spec.sql})${order.length > 0 ? ` ORDER BY ${order.join(', ')}` : ''}`;
}

async function copy(
  connection: TableConnection,
  sql: string,
  path: string,
  schema: TableSchema,
  spec: WriteSpec,
): Promise<CopyStatistics> {
  const ids = schema.fields.map((field) => `${quoteIdentifier(field.name)}: ${field.id}`).join(', ');
  const options = `FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${spec.rowGroupRows ?? ROW_GROUP_ROWS}, FIELD_IDS {${ids}}, RETURN_STATS`;
  const [statistics] = await connection.rows<CopyStatistics>(`COPY (${sql}) TO ${quoteLiteral(path)} (${options})`);
  return statistics!;
}

/** Cuts a file that has become too long into several, in order. */
async function split(
  connection: TableConnection,
  whole: string,
  rows: number,
  fileRowsMax: number,
  schema: TableSchema,
  spec: WriteSpec,
): Promise<CopyStatistics[]> {
  const parts: CopyStatistics[] = [];
  for (let start = 0; start < rows; start += fileRowsMax) {
    const range = `file_row_number >= ${start} AND file_row_number < ${start + fileRowsMax}`;
    const sql = `SELECT * EXCLUDE (file_row_number) FROM read_parquet(${quoteLiteral(whole)}, file_row_number = true) WHERE ${range}`;
    parts.push(await copy(connection, sql, whole.replace('part-0', `part-${parts.length + 1}`), schema, spec));
  }
  return parts;
}

async function publish(blobs: BlobStore, schema: TableSchema, part: CopyStatistics): Promise<WrittenFile> {
  const statistics = columnStatistics(schema, part);
  for (const { id, name, nullable } of schema.fields) {
    const nulls = statistics[id]?.nulls ?? 0;
    if (nullable || nulls === 0) continue;
    throw new AppError(
      'FAILED_PRECONDITION',
      `Column "${name}" is required, but ${nulls} rows have no value in it. Mend these rows, or make it nullable.`,
      {
        reason: 'COLUMN_NOT_NULLABLE',
        fields: { column: name, nulls: `${nulls}` },
      },
    );
  }
  const { digest, sizeBytes } = await blobs.putFile(part.filename, { move: true });
  return { digest, rows: part.count, bytes: sizeBytes, columns: statistics };
}

function columnStatistics(schema: TableSchema, part: CopyStatistics): Record<string, ColumnStatistics> {
  const entries = schema.fields.map(({ id, name, type }) => {
    const found = part.column_statistics[quoteIdentifier(name)];
    const statistics: ColumnStatistics = {
      min: bound(type, found?.min),
      max: bound(type, found?.max),
      nulls: Number(found?.null_count ?? 0),
    };
    return [id, statistics] as const;
  });
  return Object.fromEntries(entries);
}

function bound(type: ColumnType, text: string | undefined): number | string | null {
  if (text === undefined) return null;
  if (type === 'boolean') return text === '1' || text === 'true' ? 'true' : 'false';
  if (!/^(u?int|float)/.test(type)) return text;
  const value = Number(text);
  const isExact = Number.isFinite(value) && (type.startsWith('float') || Number.isSafeInteger(value));
  return isExact ? (value === 0 ? 0 : value) : text;
}
