import type { TableConnection } from './connection.ts';
import { canWiden } from './evolution.ts';
import { type FieldSpec, sqlType } from './schema.ts';
import { csvOptions, fileList, inspectSource, readerSql, type TypedSource } from './source.ts';
import { quoteIdentifier, quoteLiteral } from './sql.ts';

/** A source whose rows were read and sorted into good ones and rejected ones. Valid while its connection is open. */
export interface StagedSource {
  /** The SQL of the good rows, in the columns asked for and in the order of the files. */
  readonly rowsSql: string;
  /**
   * The SQL of the rejected rows: `path` (null where several CSV files were read and only a value was lossy), `line` (from 1, null where the
   * reader does not know it), `column_name` (null where the row as a whole is at fault), `reason`, `error` (a sentence) and `raw`: the line as it
   * stands in the file, invalid UTF-8 replaced by `?`; the row as JSON for Parquet and for lossy CSV values. Reasons: `CAST`, `LOSSY_CAST`, `MISSING_COLUMNS`,
   * `TOO_MANY_COLUMNS`, `INVALID_ENCODING`, `UNQUOTED_VALUE`, `LINE_SIZE_OVER_MAXIMUM`, `INVALID_STATE`, `INVALID_JSON`, `NOT_AN_OBJECT`.
   */
  readonly rejectsSql: string;
  readonly rejected: number;
}

const NO_REJECTS =
  'SELECT NULL::VARCHAR AS path, NULL::BIGINT AS line, NULL::VARCHAR AS column_name, NULL::VARCHAR AS reason, NULL::VARCHAR AS error, NULL::VARCHAR AS raw WHERE false';

/** A line of text as one value: no character that JSON or a log allows stands for a delimiter or a quote. */
const LINE_DIALECT = `delim = '\x01', quote = '', escape = '', header = false, auto_detect = false, columns = {line: 'VARCHAR'}`;

/** From here on, doubles do not hold every integer. */
const EXACT_MAX = 2 ** 53;

let stagings = 0;

/** What a format does to get its rows into a table with the columns, `fault` (code and column index, or null), `path` and `raw`. */
interface Reading {
  readonly createSql: string;
  /** The SQL for the text of a column in a faulty row, from `raw`. */
  textOf(column: FieldSpec): string;
  /** Whether the reader itself leaves rejects. */
  readonly hasReader: boolean;
}

/**
 * Reads files as typed columns in one pass; rows that do not parse or cast are set aside and never fail the read. CSV and NDJSON go
 * to a temporary table, which spills to disk; Parquet whose types fit is not copied at all. A cast that would change a
 * number (4.5 to an integer) is refused as `LOSSY_CAST`. Lines may have 2 MB. Files that are no files of their format fail
 * as a whole: `FILE_CORRUPT`.
 *
 * Integers are first read as doubles, since the readers would round 4.5 to 5 without a word; only when one reaches 2^53, the files
 * are read again in a slower way that is exact there as well.
 */
export async function stageSource(connection: TableConnection, source: TypedSource): Promise<StagedSource> {
  if (source.format === 'parquet') {
    const reading = await readParquet(connection, source);
    if (reading === undefined) return { rowsSql: readerSql(source), rejectsSql: NO_REJECTS, rejected: 0 };
    return staged(connection, source, nextTable(), () => Promise.resolve(reading));
  }
  const read = source.format === 'csv' ? readCsv : readNdjson;
  for (const isWide of [false, true]) {
    const table = nextTable();
    const result = await staged(connection, source, table, (name) => read(connection, source, name, isWide));
    const [big] = await connection.rows<{ n: number }>(`SELECT count(*) AS n FROM ${table} WHERE fault LIKE 'BIG:%'`);
    if (big!.n === 0 || isWide) return result;
    await connection.run(`DROP TABLE ${table}`);
  }
  throw new Error('unreachable');
}

function nextTable(): string {
  stagings += 1;
  return `staged_${stagings}`;
}

async function staged(
  connection: TableConnection,
  source: TypedSource,
  table: string,
  read: (table: string) => Promise<Reading>,
): Promise<StagedSource> {
  const reading = await read(table);
  await connection.run(`CREATE TEMP TABLE ${table} AS ${reading.createSql}`);
  const own = `SELECT path, NULL::BIGINT AS line, ${explained(source, reading)}, raw FROM ${table} WHERE fault IS NOT NULL`;
  const readers = `SELECT any_value(s.file_path) AS path, e.line::BIGINT AS line, arg_min(nullif(e.column_name, 'line'), e.column_idx) AS column_name,
    arg_min(replace(e.error_type::VARCHAR, ' ', '_'), e.column_idx) AS reason, arg_min(e.error_message, e.column_idx) AS error, any_value(e.csv_line) AS raw
    FROM ${table}_errors e JOIN ${table}_scans s USING (scan_id, file_id) GROUP BY e.scan_id, e.file_id, e.line`;
  const rejectsSql = reading.hasReader ? `${readers} UNION ALL ${own}` : own;
  const [counted] = await connection.rows<{ n: number }>(`SELECT count(*) AS n FROM (${rejectsSql})`);
  const names = source.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  return { rowsSql: `SELECT ${names} FROM ${table} WHERE fault IS NULL`, rejectsSql, rejected: counted!.n };
}

/** Column, reason and sentence of a fault code; the text is looked up here, for faulty rows only. */
function explained(source: TypedSource, reading: Reading): string {
  const index = `split_part(fault, ':', 2)`;
  const perColumn = (make: (column: FieldSpec) => string) =>
    `CASE ${index} ${source.columns.map((column, i) => `WHEN '${i}' THEN ${make(column)}`).join(' ')} END`;
  const sentence = (column: FieldSpec) =>
    `${quoteLiteral(`Column "${column.name}": `)} || coalesce(left(${reading.textOf(column)}, 200), 'the value') || CASE WHEN fault LIKE 'CAST:%' THEN ' is not of type ' ELSE ' would lose its fraction as ' END || ${quoteLiteral(`${column.type}.`)}`;
  return `${perColumn(({ name }) => quoteLiteral(name))} AS column_name, split_part(fault, ':', 1) AS reason,
    CASE fault WHEN 'INVALID_JSON' THEN 'The line is not JSON.' WHEN 'NOT_AN_OBJECT' THEN 'The line is JSON, but not an object.' ELSE ${perColumn(sentence)} END AS error`;
}

/** A condition in SQL, and the code of the fault that it shows. */
type Fault = readonly [condition: string, code: string];

/** The first fault that holds, as its code. */
function firstFault(faults: readonly Fault[]): string {
  if (faults.length === 0) return 'CAST(NULL AS VARCHAR)';
  return `CASE ${faults.map(([condition, code]) => `WHEN ${condition} THEN '${code}'`).join(' ')} END`;
}

async function readParquet(connection: TableConnection, source: TypedSource): Promise<Reading | undefined> {
  const found = await inspectSource(connection, source);
  const typeOf = new Map(found.map((column) => [column.name.toLowerCase(), column.type]));
  const storedType = ({ name }: FieldSpec) => typeOf.get(name.toLowerCase());
  const misfits = source.columns.filter((column) => {
    const stored = storedType(column);
    return stored !== undefined && !canWiden(stored, column.type);
  });
  if (misfits.length === 0) return undefined;
  // Not a name that a column is likely to have: `SELECT x FROM t x` means the column x where there is one.
  const value = ({ name }: FieldSpec) => `staged_row.${quoteIdentifier(name)}`;
  const casts = source.columns.map((column) => {
    const read = storedType(column) === undefined ? 'NULL' : value(column);
    return `TRY_CAST(${read} AS ${sqlType(column.type)}) AS ${quoteIdentifier(column.name)}`;
  });
  const faults = misfits.flatMap((column) => {
    const i = source.columns.indexOf(column);
    const cast = `TRY_CAST(${value(column)} AS ${sqlType(column.type)})`;
    const failed = [`${value(column)} IS NOT NULL AND ${cast} IS NULL`, `CAST:${i}`] as const;
    const lossy = [`TRY_CAST(${value(column)} AS DOUBLE) <> CAST(${cast} AS DOUBLE)`, `LOSSY_CAST:${i}`] as const;
    return isInteger(column) ? [failed, lossy] : [failed];
  });
  return {
    createSql: `SELECT ${casts.join(', ')}, fault, path, CASE WHEN fault IS NOT NULL THEN CAST(json_merge_patch(to_json(staged_row), '{"staged_path":null}') AS VARCHAR) END AS raw
      FROM (SELECT staged_row, staged_row.staged_path AS path, ${firstFault(faults)} AS fault
        FROM (SELECT staged_row FROM read_parquet(${fileList(source.paths)}, union_by_name = true, filename = 'staged_path') staged_row))`,
    textOf: fromJson,
    hasReader: false,
  };
}

async function readCsv(
  connection: TableConnection,
  source: TypedSource,
  table: string,
  isWide: boolean,
): Promise<Reading> {
  const groups = await pathsByHeader(connection, source);
  const reads = groups.map((group) => csvRead(source, group, table, isWide));
  const faults = source.columns.flatMap((column, i) => (isInteger(column) ? integerFaults(column, i, isWide) : []));
  const casts = source.columns.map(
    ({ name, type }) => `TRY_CAST(${quoteIdentifier(name)} AS ${sqlType(type)}) AS ${quoteIdentifier(name)}`,
  );
  const all = source.columns.map(({ name }) => `${quoteIdentifier(name)} := ${quoteIdentifier(name)}`);
  const only = source.paths.length === 1 ? quoteLiteral(source.paths[0]!) : 'CAST(NULL AS VARCHAR)';
  return {
    createSql: `SELECT ${casts.join(', ')}, fault, ${only} AS path, CASE WHEN fault IS NOT NULL THEN CAST(to_json(struct_pack(${all.join(', ')})) AS VARCHAR) END AS raw
      FROM (SELECT *, ${firstFault(faults)} AS fault FROM (${reads.join(' UNION ALL ')}))`,
    textOf: fromJson,
    hasReader: true,
  };
}

/** What can be wrong with an integer that was read as a double or, in the wide reading, as text. */
function integerFaults({ name, type }: FieldSpec, i: number, isWide: boolean): Fault[] {
  const value = quoteIdentifier(name);
  const failed = [`${value} IS NOT NULL AND TRY_CAST(${value} AS ${sqlType(type)}) IS NULL`, `CAST:${i}`] as const;
  if (isWide)
    return [
      failed,
      [`TRY_CAST(${value} AS DOUBLE) <> CAST(TRY_CAST(${value} AS ${sqlType(type)}) AS DOUBLE)`, `LOSSY_CAST:${i}`],
    ];
  return [[`abs(${value}) >= ${EXACT_MAX}`, `BIG:${i}`], failed, [`${value} <> trunc(${value})`, `LOSSY_CAST:${i}`]];
}

/** Files whose header names the same columns in the same order are read together. */
async function pathsByHeader(
  connection: TableConnection,
  source: TypedSource,
): Promise<{ header: string[]; paths: string[] }[]> {
  const groups = new Map<string, { header: string[]; paths: string[] }>();
  for (const path of source.paths) {
    const described = await connection.rows<{ column_name: string }>(
      `DESCRIBE SELECT * FROM read_csv(${fileList([path])}, ${csvOptions(source)}, all_varchar = true, sample_size = 1, ignore_errors = true)`,
    );
    const header = described.map((column) => column.column_name);
    const key = JSON.stringify(header);
    const group = groups.get(key) ?? { header, paths: [] };
    group.paths.push(path);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function csvRead(
  source: TypedSource,
  group: { header: string[]; paths: string[] },
  table: string,
  isWide: boolean,
): string {
  const wanted = new Map(source.columns.map((column) => [column.name.toLowerCase(), column]));
  const types = group.header.map((name) => {
    const column = wanted.get(name.toLowerCase());
    return `${quoteIdentifier(name)}: ${quoteLiteral(column === undefined ? 'VARCHAR' : readType(column, isWide))}`;
  });
  const has = new Set(group.header.map((name) => name.toLowerCase()));
  const columns = source.columns.map((column) => {
    const name = quoteIdentifier(column.name);
    return has.has(column.name.toLowerCase())
      ? `${name} AS ${name}`
      : `CAST(NULL AS ${readType(column, isWide)}) AS ${name}`;
  });
  return `SELECT ${columns.join(', ')} FROM read_csv(${fileList(group.paths)}, ${csvOptions(source)}, auto_detect = false, columns = {${types.join(', ')}}, ${rejectOptions(table)})`;
}

function readType(column: FieldSpec, isWide: boolean): string {
  if (!isInteger(column)) return sqlType(column.type);
  return isWide ? 'VARCHAR' : 'DOUBLE';
}

function readNdjson(_: TableConnection, source: TypedSource, table: string, isWide: boolean): Promise<Reading> {
  const value = ({ name }: FieldSpec) => `t.${quoteIdentifier(name)}`;
  const integers = source.columns.filter(isInteger);
  const types = (column: FieldSpec) =>
    [column.name, isInteger(column) && !isWide ? 'DOUBLE' : sqlType(column.type)] as const;
  const conditions = source.columns.flatMap((column, i): Fault[] => {
    const missing = [
      `${value(column)} IS NULL AND json_type(line, ${jsonPath(column)}) <> 'NULL'`,
      `CAST:${i}`,
    ] as const;
    if (!isInteger(column)) return [missing];
    const double = `d.${quoteIdentifier(column.name)}`;
    if (isWide) return [missing, [`CAST(${value(column)} AS DOUBLE) <> ${double}`, `LOSSY_CAST:${i}`] as const];
    return [
      missing,
      [`abs(${value(column)}) >= ${EXACT_MAX}`, `BIG:${i}`] as const,
      [
        `TRY_CAST(${value(column)} AS ${sqlType(column.type)}) IS NULL AND ${value(column)} IS NOT NULL`,
        `CAST:${i}`,
      ] as const,
      [`${value(column)} <> trunc(${value(column)})`, `LOSSY_CAST:${i}`] as const,
    ];
  });
  // Every line that is no object has only nulls, so that the dearer questions are asked of few lines.
  const isEmpty = source.columns.map((column) => `${value(column)} IS NULL`).join(' AND ');
  const broken = `CASE WHEN NOT json_valid(line) THEN 'INVALID_JSON' WHEN json_type(line) <> 'OBJECT' THEN 'NOT_AN_OBJECT' ELSE ${firstFault(conditions)} END`;
  const doubles = integers.map(({ name }) => [name, 'DOUBLE'] as const);
  const parsed = `SELECT line, filename AS path, ${transform(source.columns.map(types))} AS t${isWide && doubles.length > 0 ? `, ${transform(doubles)} AS d` : ''}
    FROM read_csv(${fileList(source.paths)}, ${LINE_DIALECT}, ${rejectOptions(table)}, filename = true) WHERE line <> ''`;
  const casts = source.columns.map(
    (column) => `TRY_CAST(${value(column)} AS ${sqlType(column.type)}) AS ${quoteIdentifier(column.name)}`,
  );
  return Promise.resolve({
    createSql: `SELECT ${casts.join(', ')}, fault, CASE WHEN fault IS NOT NULL THEN path END AS path, CASE WHEN fault IS NOT NULL THEN line END AS raw
      FROM (SELECT *, CASE WHEN ${isEmpty} THEN ${broken} ELSE ${firstFault(conditions)} END AS fault FROM (${parsed}))`,
    textOf: fromJson,
    hasReader: true,
  });
}

function transform(columns: readonly (readonly [name: string, type: string])[]): string {
  const structure = `{${columns.map(([name, type]) => `${JSON.stringify(name)}:${JSON.stringify(type)}`).join(',')}}`;
  return `TRY(json_transform(line, ${quoteLiteral(structure)}))`;
}

function fromJson(column: FieldSpec): string {
  return `json_extract_string(raw, ${jsonPath(column)})`;
}

function jsonPath({ name }: FieldSpec): string {
  return quoteLiteral(`$."${name.replaceAll('"', '\\"')}"`);
}

function isInteger({ type }: FieldSpec): boolean {
  return /^u?int/.test(type);
}

function rejectOptions(table: string): string {
  return `store_rejects = true, rejects_table = '${table}_errors', rejects_scan = '${table}_scans'`;
}
