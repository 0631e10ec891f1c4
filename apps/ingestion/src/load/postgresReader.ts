import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { PostgresSource } from '@millrace/contracts/millrace/ingestion/v1/source';
import { AppError } from '@millrace/kernel';
import type { ForeignColumn } from '@millrace/postgres';
import { openForeignDatabase } from '@millrace/postgres';
import type { FieldSpec } from '@millrace/tables';
import { canWiden, quoteIdentifier, quoteLiteral, sqlType } from '@millrace/tables';
import type { DatasetType } from '../domain/columnTypes.ts';
import type { CursorRange } from '../domain/cursor.ts';
import type { OpenSource } from './readers.ts';

/** What stands for null in the copied text; a text that is the same is quoted by the server. */
const NULL_TEXT = '\\N';

/** PostgreSQL's types by the dataset types that hold them without loss (numeric: as float64); others are read as text. */
const TYPES: readonly (readonly [RegExp, DatasetType])[] = [
  [/^boolean$/, 'boolean'],
  [/^(smallint|integer)$/, 'int32'],
  [/^(bigint|oid)$/, 'int64'],
  [/^real$/, 'float32'],
  [/^(double precision|numeric.*)$/, 'float64'],
  [/^date$/, 'date'],
  [/^timestamp/, 'timestamp'],
  [/^bytea$/, 'binary'],
];

/** How a query's rows are read. */
export interface PostgresReaderOptions {
  /** Where the copied rows are kept meanwhile. */
  readonly scratchDirectory: () => Promise<string>;
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Opens a query on a PostgreSQL database. Its rows are copied to a file first (`COPY … TO STDOUT`, one snapshot), since DuckDB reads
 * a file in parallel. Errors: FAILED_PRECONDITION `SOURCE_URL_MISSING`, INVALID_ARGUMENT `SOURCE_QUERY_INVALID`,
 * UNAVAILABLE `DATABASE_UNAVAILABLE`.
 */
export async function openPostgres(source: PostgresSource, options: PostgresReaderOptions): Promise<OpenSource> {
  const url = options.environment[source.urlEnv];
  if (!url) {
    throw new AppError(
      'FAILED_PRECONDITION',
      `The environment variable ${source.urlEnv}, which should hold the source's URL, is not set. Set it where the ingestion service runs.`,
      { reason: 'SOURCE_URL_MISSING', fields: { urlEnv: source.urlEnv } },
    );
  }
  const database = openForeignDatabase(url);
  try {
    const found = await database.describe(source.query).catch((cause) => {
      throw queryError(cause);
    });
    const typed = found.map((column) => ({ ...column, as: typeOf(column) }));
    return {
      columns: typed.map(({ name, as }) => ({ name, type: as })),
      isText: false,
      async stage(_, wanted, range) {
        const file = join(await options.scratchDirectory(), 'rows.csv');
        const output = database.copyOut(copySql(source.query, typed, range));
        await pipeline(output, createWriteStream(file, { highWaterMark: 1 << 20 }), { signal: options.signal }).catch(
          (cause) => {
            throw queryError(cause);
          },
        );
        return { ...sorted(file, typed, wanted), totalRows: undefined };
      },
      close: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

function typeOf({ type }: ForeignColumn): DatasetType {
  return TYPES.find(([pattern]) => pattern.test(type))?.[1] ?? 'string';
}

type TypedColumn = ForeignColumn & { readonly as: DatasetType };

function copySql(query: string, columns: readonly TypedColumn[], range: CursorRange | undefined): string {
  const list = columns.map((column) => `${exported(column)} as ${quoteIdentifier(column.name)}`).join(', ');
  const where = range ? ` where ${condition(range, columns)}` : '';
  return `copy (select ${list} from (${query}\n) as source${where}) to stdout (format csv, null '${NULL_TEXT}')`;
}

/** The column in a form that DuckDB reads as its type. */
function exported({ name, type, as }: TypedColumn): string {
  const column = `source.${quoteIdentifier(name)}`;
  if (as === 'binary') return `encode(${column}, 'hex')`;
  if (/with time zone$/.test(type)) return `(${column} at time zone 'UTC')`;
  if (type.startsWith('numeric')) return `${column}::float8`;
  if (as === 'string') return `${column}::text`;
  return column;
}

/** As the range's condition elsewhere, but with the server's own type, so that it can use an index. Rows without a value are read too. */
function condition(range: CursorRange, columns: readonly TypedColumn[]): string {
  const column = columns.find(({ name }) => name.toLowerCase() === range.column.toLowerCase());
  if (!column) return 'true';
  const value = `source.${quoteIdentifier(column.name)}`;
  const zone = /with time zone$/.test(column.type) ? '+00' : '';
  const bound = (text: string) => `${quoteLiteral(text + zone)}::${column.type}`;
  const bounds: string[] = [];
  if (range.lower) bounds.push(`${value} ${range.lower.isExclusive ? '>' : '>='} ${bound(range.lower.value)}`);
  if (range.upper !== undefined) bounds.push(`${value} < ${bound(range.upper)}`);
  return bounds.length === 0 ? 'true' : `(${bounds.join(' and ')} or ${value} is null)`;
}

/** The rows whose values fit the columns, and the others as dead letters. */
function sorted(file: string, columns: readonly TypedColumn[], wanted: readonly FieldSpec[]) {
  const known = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const list = wanted.map(({ name, type }) => {
    const column = known.get(name.toLowerCase());
    return `TRY_CAST(${column ? imported(column) : 'NULL'} AS ${sqlType(type)}) AS ${quoteIdentifier(name)}`;
  });
  const misfits = wanted.flatMap(({ name, type }) => {
    const column = known.get(name.toLowerCase());
    if (!column || canWiden(column.as, type)) return [];
    const value = imported(column);
    return [{ name, type, condition: `(${value} IS NOT NULL AND TRY_CAST(${value} AS ${sqlType(type)}) IS NULL)` }];
  });
  const from = fileSql(file, columns);
  if (misfits.length === 0) return { rowsSql: `SELECT ${list.join(', ')} FROM ${from}`, rejectsSql: undefined };
  const isBad = misfits.map(({ condition }) => condition).join(' OR ');
  const errors = misfits.map(
    ({ name, type, condition }) =>
      `WHEN ${condition} THEN ${quoteLiteral(`Column "${name}": `)} || ${quoteIdentifier(name)} || ${quoteLiteral(` is not of type ${type}.`)}`,
  );
  return {
    rowsSql: `SELECT ${list.join(', ')} FROM ${from} WHERE NOT (${isBad})`,
    rejectsSql: `SELECT 'schema.types' AS rule, CASE ${errors.join(' ')} END AS error, CAST(to_json(millrace_row) AS VARCHAR) AS row_json, 'query' AS origin
      FROM (SELECT * FROM ${from} WHERE ${isBad}) millrace_row`,
  };
}

function fileSql(file: string, columns: readonly TypedColumn[]): string {
  const types = columns.map(({ name, as }) => {
    const type = as === 'binary' ? 'VARCHAR' : sqlType(as);
    return `${quoteIdentifier(name)}: ${quoteLiteral(type)}`;
  });
  const dialect = `delim = ',', quote = '"', escape = '"', header = false, auto_detect = false, nullstr = '${NULL_TEXT}', allow_quoted_nulls = false`;
  return `read_csv(${quoteLiteral(file)}, ${dialect}, columns = {${types.join(', ')}})`;
}

function imported({ name, as }: TypedColumn): string {
  return as === 'binary' ? `unhex(${quoteIdentifier(name)})` : quoteIdentifier(name);
}

/** SQL states of class 22, 42 and 0A: the query is wrong, not the connection. */
function queryError(cause: unknown): unknown {
  const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== 'string' || !/^(22|42|0A|25)/.test(code)) return cause;
  return new AppError('INVALID_ARGUMENT', `source.postgres.query: ${String(message)}. Mend the query.`, {
    reason: 'SOURCE_QUERY_INVALID',
    fields: { sqlState: code },
    violations: [
      {
        field: 'source.postgres.query',
        reason: 'SOURCE_QUERY_INVALID',
        description: `${String(message)}. Mend the query.`,
      },
    ],
    cause,
  });
}
