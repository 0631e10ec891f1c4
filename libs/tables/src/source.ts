import type { TableConnection } from './connection.ts';
import { type ColumnType, columnTypeOf, type FieldSpec, sqlType } from './schema.ts';
import { literalPath } from './source-paths.ts';
import { quoteIdentifier, quoteList, quoteLiteral } from './sql.ts';

/** The formats of files that users bring. */
export type SourceFormat = 'parquet' | 'csv' | 'ndjson';

/** How text files are written. Parquet files need none of it. */
export interface SourceOptions {
  /** Between CSV values; `,` unless given, never guessed. */
  readonly delimiter?: string;
  /** Around CSV values that hold delimiters or line ends, doubled to stand for itself; `"` unless given. */
  readonly quote?: string;
  /** Whether the first line of a CSV file names the columns (the default); else they are `column0`, `column1`, …. */
  readonly header?: boolean;
  /** The CSV text that stands for null; empty unless given. */
  readonly nullText?: string;
  /** `strptime` formats of dates and timestamps in CSV and NDJSON; ISO 8601 unless given. */
  readonly dateFormat?: string;
  readonly timestampFormat?: string;
  /** Rows of each file that `inspectSource` looks at to find columns and types; 100,000 unless given, -1 for all. */
  readonly sampleRows?: number;
}

/** Files to read. */
export interface Source {
  readonly format: SourceFormat;
  /** Files as `expandSourcePaths` gives them; no patterns. */
  readonly paths: readonly string[];
  readonly options?: SourceOptions;
}

/** Files to read as these columns, found by name; other columns of the files are left out, missing ones are null. */
export interface TypedSource extends Source {
  readonly columns: readonly FieldSpec[];
}

/**
 * The columns of the files and their types: as written in Parquet, as found in a sample of CSV and NDJSON. Columns of all files, by name. Types that no dataset can
 * hold come as `string` (nested JSON as its text) or `int64` (HUGEINT, DuckDB's guess for negative integers in JSON). Errors: `FILE_CORRUPT`, and others of `engineError`.
 */
export async function inspectSource(connection: TableConnection, source: Source): Promise<FieldSpec[]> {
  const described = await connection.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE ${inferredSql(source)}`,
  );
  return described.map(({ column_name: name, column_type: type }) => ({ name, type: storableType(type) }));
}

function storableType(type: string): ColumnType {
  return columnTypeOf(type) ?? (type === 'HUGEINT' || type === 'UHUGEINT' ? 'int64' : 'string');
}

function inferredSql(source: Source): string {
  const files = fileList(source.paths);
  const sample = `sample_size = ${source.options?.sampleRows ?? 100_000}`;
  switch (source.format) {
    case 'parquet':
      return `SELECT * FROM read_parquet(${files}, union_by_name = true)`;
    case 'csv':
      return `SELECT * FROM read_csv(${files}, ${csvOptions(source)}, ${sample}, union_by_name = true, ignore_errors = true)`;
    case 'ndjson':
      return `SELECT * FROM read_ndjson(${files}, ${sample}, union_by_name = true, ignore_errors = true, map_inference_threshold = -1)`;
  }
}

/** The SQL that reads the files as typed columns and fails at the first row that does not fit: for previews, and for trusted files. */
export function readerSql(source: TypedSource): string {
  const names = source.columns.map(({ name }) => quoteIdentifier(name));
  const cast = source.columns.map(
    ({ name, type }) => `CAST(${quoteIdentifier(name)} AS ${sqlType(type)}) AS ${quoteIdentifier(name)}`,
  );
  switch (source.format) {
    case 'parquet':
      return `SELECT ${cast.join(', ')} FROM (${withColumns(inferredSql(source), names)})`;
    case 'csv': {
      const sql = `SELECT * FROM read_csv(${fileList(source.paths)}, ${csvOptions(source)}, all_varchar = true, union_by_name = true)`;
      return `SELECT ${cast.join(', ')} FROM (${withColumns(sql, names)})`;
    }
    case 'ndjson':
      return `SELECT * FROM read_ndjson(${fileList(source.paths)}, columns = {${columnTypes(source.columns)}}${formatOptions(source)})`;
  }
}

/** The relation with these columns, null where it lacks them. */
function withColumns(sql: string, names: readonly string[]): string {
  const nulls = names.map((name) => `NULL AS ${name}`).join(', ');
  return `SELECT ${names.join(', ')} FROM (${sql} UNION ALL BY NAME SELECT ${nulls} WHERE false)`;
}

/** `"a": 'BIGINT', "b": 'VARCHAR'`, as readers want their columns. */
export function columnTypes(columns: readonly FieldSpec[]): string {
  return columns.map(({ name, type }) => `${quoteIdentifier(name)}: ${quoteLiteral(sqlType(type))}`).join(', ');
}

/** A list of files for a reader. */
export function fileList(paths: readonly string[]): string {
  return quoteList(paths.map(literalPath));
}

/** The options that fix the dialect of CSV files. */
export function csvOptions(source: Source): string {
  const { delimiter = ',', quote = '"', header = true, nullText = '' } = source.options ?? {};
  const dialect = `delim = ${quoteLiteral(delimiter)}, quote = ${quoteLiteral(quote)}, escape = ${quoteLiteral(quote)}`;
  return `${dialect}, header = ${header}, nullstr = ${quoteLiteral(nullText)}${formatOptions(source)}`;
}

function formatOptions(source: Source): string {
  const { dateFormat, timestampFormat } = source.options ?? {};
  const date = dateFormat === undefined ? '' : `, dateformat = ${quoteLiteral(dateFormat)}`;
  return date + (timestampFormat === undefined ? '' : `, timestampformat = ${quoteLiteral(timestampFormat)}`);
}
