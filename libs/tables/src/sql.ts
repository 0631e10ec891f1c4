import { invalidArgument } from '@millrace/kernel';

/** Longest name of a column or relation that is accepted, in UTF-16 units. */
export const NAME_LENGTH_MAX = 256;

/** A name as a quoted SQL identifier; throws INVALID_ARGUMENT `SQL_NAME_INVALID` for names no engine can hold. */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.length > NAME_LENGTH_MAX || name.includes('\0')) {
    throw invalidArgument('SQL_NAME_INVALID', [
      {
        field: 'name',
        reason: 'SQL_NAME_INVALID',
        description: `${JSON.stringify(name.slice(0, 80))} cannot be the name of a column or relation. Use 1 to ${NAME_LENGTH_MAX} characters without NUL.`,
      },
    ]);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as a quoted SQL string literal. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw invalidArgument('SQL_TEXT_INVALID', [{ field: 'text', description: 'Contains NUL.' }]);
  return `'${text.replaceAll("'", "''")}'`;
}

/** A list of string literals: `['a', 'b']`. */
export function quoteList(texts: readonly string[]): string {
  return `[${texts.map(quoteLiteral).join(', ')}]`;
}
