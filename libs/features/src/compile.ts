import { checkSyntax } from './check.ts';
import type { Expression } from './expression.ts';
import { parseSyntax, type SerializeSql } from './syntax.ts';
import type { ColumnSchema } from './types.ts';

/** What an expression is compiled against. */
export interface CompileOptions {
  /** The columns it may name; names are compared without case. */
  readonly schema: readonly ColumnSchema[];
  /** DuckDB's parser. */
  readonly serializeSql: SerializeSql;
  /** The request field that holds the text, for errors. */
  readonly field: string;
}

/**
 * Parses and checks one expression. Throws an INVALID_ARGUMENT AppError with reason EXPRESSION_SYNTAX,
 * EXPRESSION_UNKNOWN_COLUMN, EXPRESSION_UNKNOWN_FUNCTION, EXPRESSION_TYPE or EXPRESSION_FORBIDDEN, and with `fields`
 * `field`, `line`, `column` (from 1) and `excerpt`.
 */
export async function compileExpression(text: string, options: CompileOptions): Promise<Expression> {
  const source = { text, field: options.field };
  return checkSyntax(await parseSyntax(source, options.serializeSql), source, options.schema);
}
