import { invalidArgument } from '@millrace/kernel';

/** A piece of a filter or of an order; `at` is its position in characters, from 1. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'operator' | 'punctuation' | 'end';
  /** Without its quotes. */
  readonly text: string;
  readonly at: number;
}

/** Longest text, in characters. */
const LENGTH_MAX = 10_000;

const PATTERNS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['number', /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(?![\w.])/i],
  ['word', /^[A-Za-z_][A-Za-z0-9_/-]*/],
  ['operator', /^(!=|>=|<=|=|>|<)/],
  ['punctuation', /^[().,]/],
];

/**
 * Cuts a text in the style of MLflow's filters into tokens; the last one has kind `end`. Strings stand in single or double
 * quotes (a doubled quote is one quote), keys in double quotes or backticks where they are not plain words.
 */
export function tokenize(text: string, field: string): Token[] {
  if (text.length > LENGTH_MAX)
    throw wrongFilter(field, LENGTH_MAX, `the text is longer than ${LENGTH_MAX} characters`);
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const blank = /^\s+/.exec(rest);
    if (blank) {
      at += blank[0].length;
      continue;
    }
    const quote = rest[0]!;
    if (quote === "'" || quote === '"' || quote === '`') {
      const match = new RegExp(`^${quote}((?:[^${quote}]|${quote}${quote})*)${quote}`).exec(rest);
      if (!match) throw wrongFilter(field, at + 1, `the quote ${quote} is not closed`);
      const inner = match[1]!.replaceAll(quote + quote, quote);
      tokens.push({ kind: quote === '`' ? 'quoted' : 'string', text: inner, at: at + 1 });
      at += match[0].length;
      continue;
    }
    const found = PATTERNS.map(([kind, pattern]) => [kind, pattern.exec(rest)?.[0]] as const).find(([, hit]) => hit);
    if (!found) throw wrongFilter(field, at + 1, `"${quote}" has no meaning here`);
    tokens.push({ kind: found[0], text: found[1]!, at: at + 1 });
    at += found[1]!.length;
  }
  tokens.push({ kind: 'end', text: '', at: text.length + 1 });
  return tokens;
}

/** INVALID_ARGUMENT `FILTER_INVALID` that names the position. */
export function wrongFilter(field: string, at: number, what: string) {
  return invalidArgument('FILTER_INVALID', [
    { field, reason: 'FILTER_INVALID', description: `at character ${at}: ${what}.` },
  ]);
}
