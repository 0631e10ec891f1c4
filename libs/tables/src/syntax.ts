import type { TableConnection } from './connection.ts';
import { positionAt, sqlError } from './errors.ts';
import { SQL_LENGTH_MAX } from './guard.ts';

interface Serialized {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly position?: string;
  readonly statements?: readonly unknown[];
}

/**
 * The statements of an SQL text as DuckDB's syntax trees (`json_serialize_sql`). `query_location` in a node is a character offset.
 * Throws INVALID_ARGUMENT `SQL_SYNTAX` with line and column, `SQL_TOO_LONG`, or PERMISSION_DENIED `SQL_FORBIDDEN` for what is not a SELECT.
 */
export async function parseSql(connection: TableConnection, sql: string): Promise<readonly unknown[]> {
  if (sql.length > SQL_LENGTH_MAX)
    throw sqlError(
      'INVALID_ARGUMENT',
      'SQL_TOO_LONG',
      `The SQL has ${sql.length} characters; at most ${SQL_LENGTH_MAX} are accepted.`,
    );
  const nul = sql.indexOf('\0');
  if (nul >= 0)
    throw sqlError('INVALID_ARGUMENT', 'SQL_SYNTAX', 'The SQL contains a NUL character. Remove it.', {
      position: positionAt(sql, nul),
    });
  const [row] = await connection.rows<{ tree: string }>(
    'SELECT CAST(json_serialize_sql($1::VARCHAR) AS VARCHAR) AS tree',
    [sql],
  );
  const tree = JSON.parse(row!.tree) as Serialized;
  if (!tree.error) {
    if (!tree.statements || tree.statements.length === 0)
      throw sqlError('INVALID_ARGUMENT', 'SQL_SYNTAX', 'The SQL is empty. Write one SELECT statement.');
    return tree.statements;
  }
  const message = tree.error_message ?? 'The SQL cannot be parsed.';
  if (tree.error_type === 'not implemented')
    throw sqlError(
      'PERMISSION_DENIED',
      'SQL_FORBIDDEN',
      'Only SELECT statements may be run: a query reads, and changes nothing.',
    );
  const offset = tree.position === undefined ? undefined : Number(tree.position);
  throw sqlError('INVALID_ARGUMENT', 'SQL_SYNTAX', `${message.replace(/\.?$/, '.')} Mend the SQL.`, {
    position: offset === undefined || offset > sql.length ? undefined : positionAt(sql, offset),
  });
}
