import { isAppError } from '@millrace/kernel';
import type { Comparison } from './expression.ts';
import { type ExpressionSource, expressionError } from './problems.ts';
import type { FeatureType, Value } from './types.ts';

/**
 * Gives DuckDB's syntax tree of a SELECT statement. Either the answer of `json_serialize_sql` (as text or parsed; bad syntax
 * is then a tree with `error: true`), or its `statements` alone, where bad syntax is an AppError with `line` and `column`
 * in its fields: that is what `TableEngine.serializeSql` of `@millrace/tables` does.
 */
export type SerializeSql = (sql: string) => Promise<unknown>;

/** An expression as it was written: not yet checked. `at` is an offset into the text, in UTF-16 units. */
export type Syntax = { readonly at: number | undefined } & (
  | { readonly kind: 'column'; readonly path: readonly string[] }
  | { readonly kind: 'literal'; readonly type: FeatureType | 'null'; readonly value: Value }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Syntax[] }
  | {
      readonly kind: 'case';
      readonly branches: readonly { readonly when: Syntax; readonly result: Syntax }[];
      readonly otherwise: Syntax;
    }
  | { readonly kind: 'cast'; readonly operand: Syntax; readonly to: string }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Syntax; readonly right: Syntax }
  | { readonly kind: 'between'; readonly operand: Syntax; readonly low: Syntax; readonly high: Syntax }
  | { readonly kind: 'in'; readonly operand: Syntax; readonly list: readonly Syntax[] }
  | { readonly kind: 'logic'; readonly operator: 'and' | 'or'; readonly args: readonly Syntax[] }
  | { readonly kind: 'not' | 'isNull'; readonly operand: Syntax }
  | { readonly kind: 'coalesce'; readonly args: readonly Syntax[] }
);

/** Longest text of an expression, in UTF-16 units. */
export const EXPRESSION_TEXT_MAX = 10_000;
/** Deepest nesting of an expression. */
export const EXPRESSION_DEPTH_MAX = 100;

const PREFIX = 'SELECT ';

type Json = Readonly<Record<string, unknown>>;

/** Parses one expression; throws EXPRESSION_SYNTAX or, for what is SQL but never allowed, EXPRESSION_FORBIDDEN. */
export async function parseSyntax(source: ExpressionSource, serializeSql: SerializeSql): Promise<Syntax> {
  const { text } = source;
  const syntaxError = (what: string, at?: number) => expressionError(source, 'EXPRESSION_SYNTAX', at, what);
  if (text.trim() === '') throw syntaxError('The expression is empty. Write an SQL expression over the columns.');
  if (text.length > EXPRESSION_TEXT_MAX)
    throw syntaxError(`The expression has ${text.length} characters; at most ${EXPRESSION_TEXT_MAX} are allowed.`);
  if (text.includes('\0')) throw syntaxError('The expression holds a NUL character.', text.indexOf('\0'));

  const reader = new Reader(source);
  const tree = await serialize(text, serializeSql, syntaxError);
  if (tree.error === true) {
    // Unlike the places of nodes, which are bytes, that of a syntax error counts code points.
    const position = tree.position === undefined ? -1 : Number(tree.position) - PREFIX.length;
    const at = position < 0 ? undefined : [...text].slice(0, position).join('').length;
    throw syntaxError(`${capitalized(String(tree.error_message))}.`, at);
  }
  const statements = tree.statements as Json[];
  const node = statements[0]?.node as Json | undefined;
  const list = (node?.select_list ?? []) as Json[];
  if (statements.length !== 1 || !node || !isBareSelect(node) || list.length !== 1)
    throw syntaxError('One expression is expected, not a statement, a list or a query.');
  if (isSet(list[0]!.alias)) throw syntaxError('An expression has no alias (AS …): the feature has its own name.');
  return reader.read(list[0]!, 0);
}

async function serialize(
  text: string,
  serializeSql: SerializeSql,
  fail: (what: string, at?: number) => Error,
): Promise<Json> {
  try {
    const answer = await serializeSql(PREFIX + text);
    if (Array.isArray(answer)) return { statements: answer };
    return (typeof answer === 'string' ? JSON.parse(answer) : answer) as Json;
  } catch (error) {
    if (!isAppError(error) || !/^SQL_(SYNTAX|FORBIDDEN|TOO_LONG)$/.test(error.reason)) throw error;
    const what = error.message.replace(/( Mend the SQL\.)?( \(line \d+, column \d+\))?$/, '');
    throw fail(capitalized(what), offsetOf(text, Number(error.fields.line), Number(error.fields.column)));
  }
}

/** The offset in the expression of a place in the statement (line and column from 1); undefined when there is none. */
function offsetOf(text: string, line: number, column: number): number | undefined {
  if (!(line >= 1 && column >= 1)) return undefined;
  const start = text
    .split('\n')
    .slice(0, line - 1)
    .reduce((sum, l) => sum + l.length + 1, 0);
  const at = start + column - 1 - (line === 1 ? PREFIX.length : 0);
  return at >= 0 && at <= text.length ? at : undefined;
}

const isSet = (x: unknown): boolean =>
  x !== undefined && x !== null && x !== '' && !(Array.isArray(x) && x.length === 0);

const ALLOWED_PARTS = new Set(['type', 'select_list', 'from_table', 'aggregate_handling', 'cte_map']);

/** Whether a select node is `SELECT list` and nothing more. */
function isBareSelect(node: Json): boolean {
  if (node.type !== 'SELECT_NODE' || (node.from_table as Json | undefined)?.type !== 'EMPTY') return false;
  if (node.aggregate_handling !== 'STANDARD_HANDLING') return false;
  if (isSet((node.cte_map as Json | undefined)?.map)) return false;
  return Object.entries(node).every(([key, value]) => ALLOWED_PARTS.has(key) || !isSet(value));
}

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  COMPARE_EQUAL: '=',
  COMPARE_NOTEQUAL: '<>',
  COMPARE_LESSTHAN: '<',
  COMPARE_LESSTHANOREQUALTO: '<=',
  COMPARE_GREATERTHAN: '>',
  COMPARE_GREATERTHANOREQUALTO: '>=',
  COMPARE_DISTINCT_FROM: 'distinct',
  COMPARE_NOT_DISTINCT_FROM: 'same',
};

const REFUSED: Readonly<Record<string, string>> = {
  SUBQUERY: 'A subquery is not allowed: an expression sees one row.',
  WINDOW: 'A window function is not allowed: use the view\'s aggregates ("aggregate" with a window).',
  STAR: '"*" is not allowed: name the columns.',
  PARAMETER: 'A parameter is not allowed.',
  LAMBDA: 'A lambda is not allowed.',
  COLLATE: 'A collation is not allowed: text is ordered by code point.',
};

/** Turns DuckDB's nodes into {@link Syntax}. */
class Reader {
  readonly #source: ExpressionSource;
  readonly #bytes: Buffer;

  constructor(source: ExpressionSource) {
    this.#source = source;
    this.#bytes = Buffer.from(source.text, 'utf8');
  }

  /** A byte offset into the statement as an offset into the expression's text; undefined when it has none. */
  offset(location: unknown): number | undefined {
    const bytes = Number(location) - PREFIX.length;
    if (!(bytes >= 0 && bytes <= this.#bytes.length)) return undefined;
    return this.#bytes.subarray(0, bytes).toString('utf8').length;
  }

  read(node: Json, depth: number): Syntax {
    const at = this.offset(node.query_location);
    if (depth > EXPRESSION_DEPTH_MAX)
      throw expressionError(this.#source, 'EXPRESSION_FORBIDDEN', at, `Nested deeper than ${EXPRESSION_DEPTH_MAX}.`);
    const one = (child: unknown) => this.read(child as Json, depth + 1);
    const many = (children: unknown) => ((children ?? []) as Json[]).map(one);

    switch (node.class) {
      case 'COLUMN_REF':
        return { kind: 'column', at, path: node.column_names as string[] };
      case 'CONSTANT':
        return this.#literal(node, at);
      case 'FUNCTION':
        return this.#call(node, at, many);
      case 'CAST': {
        const operand = one(node.child);
        return { kind: 'cast', at: at ?? operand.at, operand, to: String((node.cast_type as Json).id) };
      }
      case 'CASE': {
        const branches = (node.case_checks as Json[]).map((check) => ({
          when: one(check.when_expr),
          result: one(check.then_expr),
        }));
        return { kind: 'case', at: at ?? branches[0]?.when.at, branches, otherwise: one(node.else_expr) };
      }
      case 'COMPARISON': {
        const operator = COMPARISONS[String(node.type)];
        const [left, right] = [one(node.left), one(node.right)];
        if (operator) return { kind: 'compare', at: at ?? left.at, operator, left, right };
        break;
      }
      case 'BETWEEN': {
        const operand = one(node.input);
        return { kind: 'between', at: at ?? operand.at, operand, low: one(node.lower), high: one(node.upper) };
      }
      case 'CONJUNCTION': {
        const operator = node.type === 'CONJUNCTION_OR' ? 'or' : 'and';
        const args = many(node.children);
        return { kind: 'logic', at: at ?? args[0]?.at, operator, args };
      }
      case 'OPERATOR': {
        const known = operator(String(node.type), many(node.children), at);
        if (known) return known;
        break;
      }
    }
    const what = REFUSED[String(node.class)] ?? `${String(node.type)} is not part of the feature language.`;
    throw expressionError(this.#source, 'EXPRESSION_FORBIDDEN', at, what);
  }

  #call(node: Json, at: number | undefined, many: (children: unknown) => Syntax[]): Syntax {
    const name = String(node.function_name).toLowerCase();
    const refuse = (what: string) => expressionError(this.#source, 'EXPRESSION_FORBIDDEN', at, what);
    if (node.distinct === true || isSet(node.filter) || isSet((node.order_bys as Json | undefined)?.orders))
      throw refuse('DISTINCT, FILTER and ORDER BY inside a call are not allowed.');
    if ((isSet(node.schema) && node.schema !== 'main') || isSet(node.catalog))
      throw refuse('A function is named without a schema.');
    return { kind: 'call', at, name, args: many(node.children) };
  }

  #literal(node: Json, at: number | undefined): Syntax {
    const { type, is_null: isNull, value } = node.value as { type: Json; is_null: boolean; value: unknown };
    if (isNull) return { kind: 'literal', at, type: 'null', value: null };
    const fail = (what: string) => expressionError(this.#source, 'EXPRESSION_TYPE', at, what);
    const written = () => (at === undefined ? '' : (/^-?\s*[\d_.]+/.exec(this.#source.text.slice(at))?.[0] ?? ''));
    switch (type.id) {
      case 'BOOLEAN':
        return { kind: 'literal', at, type: 'boolean', value: Boolean(value) };
      case 'VARCHAR':
        return { kind: 'literal', at, type: 'string', value: String(value) };
      case 'DOUBLE':
      case 'FLOAT':
        return { kind: 'literal', at, type: 'float64', value: Number(value) };
      case 'DECIMAL': {
        const scale = Number((type.type_info as Json).scale);
        const exact = Number.isSafeInteger(value) ? Number(`${value}e-${scale}`) : digits(written());
        if (!Number.isFinite(exact)) throw fail('The number cannot be read. Write it with an exponent.');
        return { kind: 'literal', at, type: 'float64', value: exact };
      }
      case 'TINYINT':
      case 'SMALLINT':
      case 'INTEGER':
      case 'BIGINT': {
        // JSON numbers beyond 2^53 have lost digits, so those are read from the text itself.
        if (Number.isSafeInteger(value)) return { kind: 'literal', at, type: 'int64', value: BigInt(value as number) };
        const text = written().replace(/[\s_]/g, '');
        // DuckDB folds signs into literals: -(-9007199254740993) has its digits elsewhere, and is refused, not guessed.
        if (!/^-?\d+$/.test(text))
          throw fail(
            'The number cannot be read exactly. Write numbers beyond 2^53 with at most one sign, outside of parentheses.',
          );
        return { kind: 'literal', at, type: 'int64', value: BigInt(text) };
      }
      default:
        throw fail('The literal is not of a feature type. Numbers beyond 64 bits are written as 1e20.');
    }
  }
}

const digits = (text: string): number => (text === '' ? Number.NaN : Number(text.replace(/[\s_]/g, '')));

function operator(type: string, children: Syntax[], at: number | undefined): Syntax | undefined {
  const first = children[0]!;
  const place = at ?? first.at;
  const negated = (operand: Syntax): Syntax => ({ kind: 'not', at: place, operand });
  switch (type) {
    case 'OPERATOR_NOT':
      return negated(first);
    case 'OPERATOR_IS_NULL':
      return { kind: 'isNull', at: place, operand: first };
    case 'OPERATOR_IS_NOT_NULL':
      return negated({ kind: 'isNull', at: place, operand: first });
    case 'OPERATOR_COALESCE':
      return { kind: 'coalesce', at: place, args: children };
    case 'COMPARE_IN':
      return { kind: 'in', at: place, operand: first, list: children.slice(1) };
    case 'COMPARE_NOT_IN':
      return negated({ kind: 'in', at: place, operand: first, list: children.slice(1) });
    default:
      return undefined;
  }
}

const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
