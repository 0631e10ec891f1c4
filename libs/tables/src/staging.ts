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
   * The SQL of the rejected rows: `path`, `line` (from 1, null where the reader does not know it), `column_name` (null where the row as a whole is at fault), `reason`,
   * `error` (a sentence) and `raw` (the line as it stands in the file, invalid UTF-8 replaced by `?`; the row as JSON for Parquet and where a CSV value is lossy). Reasons: `CAST`, `LOSSY_CAST`,
   * `MISSING_COLUMNS`, `TOO_MANY_COLUMNS`, `INVALID_ENCODING`, `UNQUOTED_VALUE`, `LINE_SIZE_OVER_MAXIMUM`, `INVALID_STATE`, `INVALID_JSON`, `NOT_AN_OBJECT`.
   */
  readonly rejectsSql: string;
  readonly rejected: number;
}

const NO_REJECTS =
  'SELECT NULL::VARCHAR AS path, NULL::BIGINT AS line, NULL::VARCHAR AS column_name, NULL::VARCHAR AS reason, NULL::VARCHAR AS error, NULL::VARCHAR AS raw WHERE false';

/** A line of text as one value: no character that JSON or a log allows stands for a delimiter or a quote. */
const LINE_DIALECT = `delim = '\x01', quote = '', escape = '', header = false, auto_detect = false, columns = {line: 'VARCHAR'}`;

let stagings = 0;

/**
 * Reads files as typed columns in one pass; rows that do not parse or cast are set aside and never fail the read. CSV and NDJSON go to a
 * temporary table, which spills to disk; Parquet whose types fit is not copied at all. A cast that would change a number (4.5 to an integer) is refused as `LOSSY_CAST`.
 * Lines may have 2 MB. Files that are no files of their format fail as a whole: `FILE_CORRUPT`.
 */
export async function stageSource(connection: TableConnection, source: TypedSource): Promise<StagedSource> {
  stagings += 1;
  const table = `staged_${stagings}`;
  switch (source.format) {
    case 'parquet':
      return stageParquet(connection, source, table);
    case 'csv':
      return stageCsv(connection, source, table);
    case 'ndjson':
      return stageNdjson(connection, source, table);
  }
}

async function stageParquet(connection: TableConnection, source: TypedSource, table: string): Promise<StagedSource> {
  const found = await inspectSource(connection, source);
  const typeOf = new Map(found.map((column) => [column.name.toLowerCase(), column.type]));
  const isFitting = source.columns.every(({ name, type }) => {
    const stored = typeOf.get(name.toLowerCase());
    return stored === undefined || canWiden(stored, type);
  });
  if (isFitting) return { rowsSql: readerSql(source), rejectsSql: NO_REJECTS, rejected: 0 };
  const present = source.columns.filter(({ name }) => typeOf.has(name.toLowerCase()));
  const rows = `SELECT struct_pack(${present.map(({ name }) => `${quoteIdentifier(name)} := ${quoteIdentifier(name)}`).join(', ')}) AS v, filename AS path
    FROM read_parquet(${fileList(source.paths)}, union_by_name = true, filename = true)`;
  const value = (column: FieldSpec) => `v.${quoteIdentifier(column.name)}`;
  const casts = source.columns.map((column) =>
    present.includes(column)
      ? `TRY_CAST(${value(column)} AS ${sqlType(column.type)}) AS ${quoteIdentifier(column.name)}`
      : `CAST(NULL AS ${sqlType(column.type)}) AS ${quoteIdentifier(column.name)}`,
  );
  const faults = present.map((column) => {
    const cast = `TRY_CAST(${value(column)} AS ${sqlType(column.type)})`;
    const lossy = isInteger(column) ? `TRY_CAST(${value(column)} AS DOUBLE) <> CAST(${cast} AS DOUBLE)` : 'false';
    return fault(
      column,
      `${value(column)} IS NOT NULL AND ${cast} IS NULL`,
      lossy,
      `CAST(${value(column)} AS VARCHAR)`,
    );
  });
  const fields = source.columns.map(({ name }) => `t.${quoteIdentifier(name)}`);
  await connection.run(`CREATE TEMP TABLE ${table} AS SELECT ${fields.join(', ')}, fault, path, CASE WHEN fault IS NOT NULL THEN CAST(to_json(v) AS VARCHAR) END AS raw
    FROM (SELECT v, path, struct_pack(${casts.map(packed).join(', ')}) AS t, ${firstOf(faults)} AS fault FROM (${rows}))`);
  return stagedTable(connection, source, table, []);
}

async function stageCsv(connection: TableConnection, source: TypedSource, table: string): Promise<StagedSource> {
  const reads: string[] = [];
  for (const paths of await pathsByHeader(connection, source)) reads.push(csvRead(source, paths, table));
  const rows = reads.join(' UNION ALL BY NAME ');
  const lossy = source.columns.filter(isInteger).map((column) => {
    const name = quoteIdentifier(column.name);
    return fault(
      column,
      `TRY_CAST(${name} AS ${sqlType(column.type)}) IS NULL AND ${name} IS NOT NULL`,
      `${name} <> trunc(${name})`,
      `CAST(${name} AS VARCHAR)`,
    );
  });
  const casts = source.columns.map(
    ({ name, type }) => `TRY_CAST(${quoteIdentifier(name)} AS ${sqlType(type)}) AS ${quoteIdentifier(name)}`,
  );
  const all = source.columns.map(({ name }) => `${quoteIdentifier(name)} := ${quoteIdentifier(name)}`);
  await connection.run(`CREATE TEMP TABLE ${table} AS SELECT ${casts.join(', ')}, fault, CAST(NULL AS VARCHAR) AS path,
    CASE WHEN fault IS NOT NULL THEN CAST(to_json(struct_pack(${all.join(', ')})) AS VARCHAR) END AS raw FROM (SELECT *, ${firstOf(lossy)} AS fault FROM (${rows}))`);
  return stagedTable(connection, source, table, [table]);
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

function csvRead(source: TypedSource, group: { header: string[]; paths: string[] }, table: string): string {
  const wanted = new Map(source.columns.map((column) => [column.name.toLowerCase(), column]));
  const types = group.header.map((name) => {
    const column = wanted.get(name.toLowerCase());
    // Integers are read with decimals, since the reader itself would round 4.5 to 5 without a word.
    const type = column === undefined ? 'VARCHAR' : isInteger(column) ? 'DECIMAL(38,9)' : sqlType(column.type);
    return `${quoteIdentifier(name)}: ${quoteLiteral(type)}`;
  });
  const has = new Set(group.header.map((name) => name.toLowerCase()));
  const columns = source.columns.map(({ name, type }) =>
    has.has(name.toLowerCase()) ? quoteIdentifier(name) : `CAST(NULL AS ${sqlType(type)}) AS ${quoteIdentifier(name)}`,
  );
  return `SELECT ${columns.join(', ')} FROM read_csv(${fileList(group.paths)}, ${csvOptions(source)}, auto_detect = false, columns = {${types.join(', ')}}, ${rejectOptions(table)})`;
}

async function stageNdjson(connection: TableConnection, source: TypedSource, table: string): Promise<StagedSource> {
  const integers = source.columns.filter(isInteger);
  const value = ({ name }: FieldSpec) => `t.${quoteIdentifier(name)}`;
  const faults = source.columns.map((column) => {
    const text = `json_extract_string(line, ${jsonPath(column)})`;
    const failed = `${value(column)} IS NULL AND json_type(line, ${jsonPath(column)}) <> 'NULL'`;
    const lossy = isInteger(column) ? `CAST(${value(column)} AS DOUBLE) <> d.${quoteIdentifier(column.name)}` : 'false';
    return fault(column, failed, lossy, text);
  });
  const suspicious = [
    ...source.columns.map((column) => `${value(column)} IS NULL`),
    ...integers.map((column) => `CAST(${value(column)} AS DOUBLE) <> d.${quoteIdentifier(column.name)}`),
  ].join(' OR ');
  const broken = (reason: string, error: string) =>
    `struct_pack(reason := '${reason}', column_name := NULL::VARCHAR, error := '${error}')`;
  const check = `CASE WHEN NOT json_valid(line) THEN ${broken('INVALID_JSON', 'The line is not JSON.')}
    WHEN json_type(line) <> 'OBJECT' THEN ${broken('NOT_AN_OBJECT', 'The line is JSON, but not an object.')}
    WHEN ${suspicious} THEN ${firstOf(faults)} END`;
  const doubles = integers.map(({ name }) => ({ name, type: 'float64' as const }));
  const parsed = `SELECT line, filename AS path, ${transform(source.columns)} AS t${integers.length > 0 ? `, ${transform(doubles)} AS d` : ''}
    FROM read_csv(${fileList(source.paths)}, ${LINE_DIALECT}, ${rejectOptions(table)}, filename = true) WHERE trim(line) <> ''`;
  const fields = source.columns.map(({ name }) => `t.${quoteIdentifier(name)}`);
  await connection.run(`CREATE TEMP TABLE ${table} AS SELECT ${fields.join(', ')}, fault, CASE WHEN fault IS NOT NULL THEN path END AS path,
    CASE WHEN fault IS NOT NULL THEN line END AS raw FROM (SELECT *, ${check} AS fault FROM (${parsed}))`);
  return stagedTable(connection, source, table, [table]);
}

function transform(columns: readonly FieldSpec[]): string {
  const structure = `{${columns.map(({ name, type }) => `${JSON.stringify(name)}:${JSON.stringify(sqlType(type))}`).join(',')}}`;
  return `CASE WHEN json_valid(line) THEN json_transform(line, ${quoteLiteral(structure)}) END`;
}

function jsonPath({ name }: FieldSpec): string {
  return quoteLiteral(`$."${name.replaceAll('"', '\\"')}"`);
}

/** An SQL struct that describes what is wrong with a column of a row, or null. */
function fault({ name, type }: FieldSpec, failed: string, lossy: string, text: string): string {
  const label = quoteLiteral(name);
  const sentence = (verb: string) =>
    `${quoteLiteral(`Column "${name}": `)} || left(${text}, 200) || ${quoteLiteral(` ${verb} ${type}.`)}`;
  const made = (reason: string, verb: string) =>
    `struct_pack(reason := '${reason}', column_name := ${label}, error := ${sentence(verb)})`;
  const lossyCase = lossy === 'false' ? '' : ` WHEN ${lossy} THEN ${made('LOSSY_CAST', 'would lose its fraction as')}`;
  return `CASE WHEN ${failed} THEN ${made('CAST', 'is not of type')}${lossyCase} END`;
}

function firstOf(faults: readonly string[]): string {
  return faults.length > 0
    ? `coalesce(${faults.join(', ')}, NULL)`
    : `CAST(NULL AS STRUCT(reason VARCHAR, column_name VARCHAR, error VARCHAR))`;
}

function packed(cast: string): string {
  const at = cast.lastIndexOf(' AS "');
  return `${cast.slice(at + 4)} := ${cast.slice(0, at)}`;
}

function isInteger({ type }: FieldSpec): boolean {
  return /^u?int/.test(type);
}

function rejectOptions(table: string): string {
  return `store_rejects = true, rejects_table = '${table}_errors', rejects_scan = '${table}_scans'`;
}

async function stagedTable(
  connection: TableConnection,
  source: TypedSource,
  table: string,
  readers: readonly string[],
): Promise<StagedSource> {
  const names = source.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  const own = `SELECT path, NULL::BIGINT AS line, fault.column_name AS column_name, fault.reason AS reason, fault.error AS error, raw FROM ${table} WHERE fault IS NOT NULL`;
  const read = readers.map(
    (
      name,
    ) => `SELECT any_value(s.file_path) AS path, e.line::BIGINT AS line, arg_min(e.column_name, e.column_idx) AS column_name,
      arg_min(replace(e.error_type::VARCHAR, ' ', '_'), e.column_idx) AS reason, arg_min(e.error_message, e.column_idx) AS error, any_value(e.csv_line) AS raw
      FROM ${name}_errors e JOIN ${name}_scans s USING (scan_id, file_id) GROUP BY e.scan_id, e.file_id, e.line`,
  );
  const rejectsSql = [...read, own].join(' UNION ALL ');
  const [counted] = await connection.rows<{ n: number }>(`SELECT count(*) AS n FROM (${rejectsSql})`);
  return { rowsSql: `SELECT ${names} FROM ${table} WHERE fault IS NULL`, rejectsSql, rejected: counted!.n };
}
