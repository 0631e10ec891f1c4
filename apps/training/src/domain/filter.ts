import type { Token } from './filter-tokens.ts';
import { tokenize, wrongFilter } from './filter-tokens.ts';
import { didYouMean } from './suggest.ts';

/** Where a value of a run stands. */
export interface Identifier {
  readonly of: 'metrics' | 'params' | 'tags' | 'attributes';
  readonly key: string;
}

/** Comparisons of numbers, and of texts. */
export type Operator = '=' | '!=' | '>' | '>=' | '<' | '<=' | 'LIKE' | 'ILIKE' | 'IN' | 'NOT IN';

/** A condition on runs. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | {
      readonly kind: 'compare';
      readonly identifier: Identifier;
      readonly operator: Operator;
      /** Numbers for metrics and times, else texts; one, or for IN and NOT IN some. */
      readonly values: readonly (number | string)[];
    };

/** What runs are sorted by. */
export interface Order {
  readonly identifier: Identifier;
  readonly descending: boolean;
}

/** MLflow's names for the four kinds of values. */
const KINDS: Readonly<Record<string, Identifier['of']>> = {
  metric: 'metrics',
  metrics: 'metrics',
  param: 'params',
  params: 'params',
  parameter: 'params',
  parameters: 'params',
  tag: 'tags',
  tags: 'tags',
  attr: 'attributes',
  attribute: 'attributes',
  attributes: 'attributes',
  run: 'attributes',
};

/** Attributes, and whether they are compared as numbers (times in milliseconds since 1970) or as texts. */
const ATTRIBUTES: Readonly<Record<string, 'number' | 'text'>> = {
  run_id: 'text',
  run_name: 'text',
  status: 'text',
  experiment_id: 'text',
  training_job: 'text',
  start_time: 'number',
  end_time: 'number',
};

/** Comparisons in one filter, and parentheses within each other, at most. */
const COMPARISONS_MAX = 100;
const DEPTH_MAX = 20;

const NUMBER_OPERATORS: readonly string[] = ['=', '!=', '>', '>=', '<', '<='];
const TEXT_OPERATORS: readonly string[] = ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'];

/** Whether a value is compared as a number. */
export function isNumeric({ of, key }: Identifier): boolean {
  return of === 'metrics' || (of === 'attributes' && ATTRIBUTES[key] === 'number');
}

/**
 * Parses MLflow's filter grammar (`metrics.auc > 0.7 AND params."a b" = 'x'`), and beyond it OR, parentheses, and IN for
 * every text. AND binds tighter. Gives nothing for an empty text. Throws INVALID_ARGUMENT `FILTER_INVALID`.
 */
export function parseFilter(text: string, field = 'filter'): Condition | undefined {
  if (text.trim() === '') return undefined;
  return new Parser(tokenize(text, field), field).whole();
}

/** Parses `metrics.auc DESC`; ascending unless it says otherwise. Throws INVALID_ARGUMENT `FILTER_INVALID`. */
export function parseOrder(text: string, field = 'order_by'): Order | undefined {
  if (text.trim() === '') return undefined;
  return new Parser(tokenize(text, field), field).order();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #field: string;
  #at = 0;
  #comparisons = 0;

  constructor(tokens: readonly Token[], field: string) {
    this.#tokens = tokens;
    this.#field = field;
  }

  whole(): Condition {
    const condition = this.#any(0);
    this.#end();
    return condition;
  }

  order(): Order {
    const identifier = this.#identifier();
    const descending = this.#takeWord('DESC');
    if (!descending) this.#takeWord('ASC');
    this.#end();
    return { identifier, descending };
  }

  #any(depth: number): Condition {
    const parts = [this.#all(depth)];
    while (this.#takeWord('OR')) parts.push(this.#all(depth));
    return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
  }

  #all(depth: number): Condition {
    const parts = [this.#term(depth)];
    while (this.#takeWord('AND')) parts.push(this.#term(depth));
    return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
  }

  #term(depth: number): Condition {
    if (!this.#take('(')) return this.#comparison();
    if (depth === DEPTH_MAX) throw this.#wrong(`more than ${DEPTH_MAX} parentheses stand within each other`);
    const inner = this.#any(depth + 1);
    if (!this.#take(')')) throw this.#expected('")"');
    return inner;
  }

  #comparison(): Condition {
    if (++this.#comparisons > COMPARISONS_MAX) throw this.#wrong(`there are more than ${COMPARISONS_MAX} comparisons`);
    const identifier = this.#identifier();
    const known = isNumeric(identifier) ? NUMBER_OPERATORS : TEXT_OPERATORS;
    const start = this.#next;
    const operator = this.#operator();
    if (!known.includes(operator)) {
      const what = `${identifier.of}.${identifier.key}`;
      throw wrongFilter(this.#field, start.at, `${operator} cannot compare ${what}; use ${known.join(', ')}`);
    }
    if (operator !== 'IN' && operator !== 'NOT IN')
      return { kind: 'compare', identifier, operator, values: [this.#value(identifier)] };
    if (!this.#take('(')) throw this.#expected('"("');
    const values = [this.#value(identifier)];
    while (this.#take(',')) values.push(this.#value(identifier));
    if (!this.#take(')')) throw this.#expected('"," or ")"');
    return { kind: 'compare', identifier, operator, values };
  }

  /** `kind.key`, or an attribute alone. */
  #identifier(): Identifier {
    const first = this.#next;
    if (first.kind !== 'word') throw this.#expected('a name such as metrics.auc');
    this.#at++;
    const of = KINDS[first.text.toLowerCase()];
    if (!this.#take('.')) return this.#attribute(first);
    if (of === undefined) {
      const hint = didYouMean(first.text, ['metrics', 'params', 'tags', 'attributes']);
      throw wrongFilter(this.#field, first.at, `"${first.text}" is none of metrics, params, tags, attributes.${hint}`);
    }
    const token = this.#next;
    if (token.kind !== 'word' && token.kind !== 'quoted' && token.kind !== 'string') throw this.#expected('a key');
    this.#at++;
    if (of === 'attributes') return this.#attribute(token);
    let key = token.text;
    while (token.kind === 'word' && this.#next.text === '.' && this.#next.kind === 'punctuation') {
      this.#at++;
      key += `.${this.#next.text}`;
      this.#at++;
    }
    return { of, key };
  }

  #attribute({ text, at }: Token): Identifier {
    const key = text.toLowerCase() === 'name' ? 'run_name' : text.toLowerCase();
    if (Object.hasOwn(ATTRIBUTES, key)) return { of: 'attributes', key };
    const all = Object.keys(ATTRIBUTES);
    throw wrongFilter(
      this.#field,
      at,
      `"${text}" is not an attribute; there are ${all.join(', ')}.${didYouMean(text, all)}`,
    );
  }

  #operator(): Operator {
    const token = this.#next;
    if (token.kind === 'operator') {
      this.#at++;
      return token.text as Operator;
    }
    if (this.#takeWord('NOT')) {
      if (this.#takeWord('IN')) return 'NOT IN';
      throw this.#expected('IN behind NOT');
    }
    for (const word of ['LIKE', 'ILIKE', 'IN'] as const) if (this.#takeWord(word)) return word;
    throw this.#expected('a comparison');
  }

  #value(identifier: Identifier): number | string {
    const token = this.#next;
    if (isNumeric(identifier)) {
      if (token.kind !== 'number') throw this.#expected(`a number for ${identifier.of}.${identifier.key}`);
      this.#at++;
      return Number(token.text);
    }
    if (token.kind !== 'string') throw this.#expected('a text in quotes');
    this.#at++;
    return token.text;
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #take(punctuation: string): boolean {
    const found = this.#next.kind === 'punctuation' && this.#next.text === punctuation;
    if (found) this.#at++;
    return found;
  }

  #takeWord(word: string): boolean {
    const found = this.#next.kind === 'word' && this.#next.text.toUpperCase() === word;
    if (found) this.#at++;
    return found;
  }

  #end(): void {
    if (this.#next.kind !== 'end') throw this.#expected(this.#field === 'filter' ? 'AND, OR or the end' : 'the end');
  }

  #expected(what: string) {
    return this.#wrong(`expected ${what}, found ${this.#next.kind === 'end' ? 'the end' : `"${this.#next.text}"`}`);
  }

  #wrong(what: string) {
    return wrongFilter(this.#field, this.#next.at, what);
  }
}
