import type { AppError } from '@millrace/kernel';
import { positionAt, sqlError } from './errors.ts';

/** Longest SQL text of a user's that is looked at, in UTF-16 units. */
export const SQL_LENGTH_MAX = 100_000;

/** Table functions that touch nothing outside of the query. */
const TABLE_FUNCTIONS = new Set(['range', 'generate_series', 'unnest', 'repeat_row']);
/** The parts of a FROM clause that are let through. */
const RELATIONS = new Set([
  'BASE_TABLE',
  'SUBQUERY',
  'JOIN',
  'TABLE_FUNCTION',
  'EMPTY',
  'EXPRESSION_LIST',
  'PIVOT',
  'CTE',
]);
/** Functions that tell about the machine or the session, or change it. */
const FORBIDDEN_FUNCTIONS =
  /^(getenv|current_setting|getvariable|nextval|currval|txid_current|write_log|query|query_table|current_(database|schemas?|query|user|role|catalog)|user|session_user|in_search_path|sleep.*|enable_.*|disable_.*|force_.*|pragma_.*|duckdb_.*|pg_.*|sql_auto_complete|json_(de)?serialize_.*|json_execute_.*|read_.*|parquet_.*|glob|sniff_csv|which_secret)$/;
/** CTEs of such a name could hide a catalogue table of the engine elsewhere in the query. */
const CATALOGUE_NAME = /^(duckdb_|pg_|sqlite_|pragma_|information_schema)/i;

type Tree = Readonly<Record<string, unknown>>;

/**
 * Checks the syntax tree of one user query: exactly one SELECT that reads the named datasets, its own CTEs and harmless table
 * functions. Throws PERMISSION_DENIED `SQL_FORBIDDEN` (with the place) or INVALID_ARGUMENT `SQL_UNKNOWN_TABLE`. The engine that runs the query
 * is locked down as well; this is the first of two walls, and the one with the better messages.
 */
export function checkQuery(sql: string, statements: readonly unknown[], datasets: readonly string[]): void {
  if (statements.length !== 1)
    throw sqlError(
      'PERMISSION_DENIED',
      'SQL_FORBIDDEN',
      `A query is one SELECT statement; this text has ${statements.length}.`,
    );
  const nodes = [...objectsIn(statements[0])];
  const known = new Set(datasets.map((name) => name.toLowerCase()));
  for (const name of nodes.flatMap(cteNames)) {
    if (CATALOGUE_NAME.test(name))
      throw forbidden(sql, undefined, `The name "${name}" is reserved. Choose another one.`);
    known.add(name.toLowerCase());
  }
  for (const node of nodes) checkNode(sql, node, known, datasets);
}

function checkNode(sql: string, node: Tree, known: ReadonlySet<string>, datasets: readonly string[]): void {
  if (node.class === 'FUNCTION') {
    const name = String(node.function_name).toLowerCase();
    if (FORBIDDEN_FUNCTIONS.test(name)) throw forbidden(sql, node, `The function ${name} may not be used in a query.`);
    return;
  }
  if (node.class !== undefined || !('sample' in node && 'alias' in node)) return;
  const type = String(node.type);
  if (!RELATIONS.has(type)) throw forbidden(sql, node, `${type} may not be used in a query.`);
  if (type === 'TABLE_FUNCTION') {
    const name = String((node.function as Tree).function_name).toLowerCase();
    if (!TABLE_FUNCTIONS.has(name))
      throw forbidden(
        sql,
        node,
        `The table function ${name} may not be used in a query; it reads more than the declared datasets.`,
      );
  }
  if (type === 'BASE_TABLE') {
    const name = String(node.table_name);
    if (node.schema_name || node.catalog_name)
      throw forbidden(sql, node, `"${name}" is named with a schema. Use the name of a declared dataset alone.`);
    if (!known.has(name.toLowerCase())) throw unknownTable(sql, node, name, datasets);
  }
}

function* objectsIn(value: unknown): Generator<Tree> {
  const stack = [value];
  while (stack.length > 0) {
    const top = stack.pop();
    if (Array.isArray(top)) stack.push(...top);
    else if (top !== null && typeof top === 'object') {
      yield top as Tree;
      stack.push(...Object.values(top));
    }
  }
}

function cteNames(node: Tree): string[] {
  const map = (node.cte_map as { map?: readonly { key: string }[] } | undefined)?.map ?? [];
  const own = typeof node.cte_name === 'string' ? [node.cte_name] : [];
  return [...map.map((entry) => entry.key), ...own];
}

function positionOf(sql: string, node: Tree | undefined) {
  const offset = node?.query_location;
  return typeof offset === 'number' && offset <= sql.length ? positionAt(sql, offset) : undefined;
}

function forbidden(sql: string, node: Tree | undefined, message: string): AppError {
  return sqlError('PERMISSION_DENIED', 'SQL_FORBIDDEN', message, { position: positionOf(sql, node) });
}

function unknownTable(sql: string, node: Tree, name: string, datasets: readonly string[]): AppError {
  const declared =
    datasets.length > 0 ? `The declared datasets are: ${datasets.join(', ')}.` : 'No dataset is declared.';
  return sqlError(
    'INVALID_ARGUMENT',
    'SQL_UNKNOWN_TABLE',
    `There is no dataset "${name.slice(0, 100)}" in this query. ${declared}`,
    {
      position: positionOf(sql, node),
      fields: { name },
    },
  );
}
