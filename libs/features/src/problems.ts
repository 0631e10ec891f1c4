import { AppError } from '@millrace/kernel';

/** Why an expression is refused. */
export type ExpressionReason =
  | 'EXPRESSION_SYNTAX'
  | 'EXPRESSION_UNKNOWN_COLUMN'
  | 'EXPRESSION_UNKNOWN_FUNCTION'
  | 'EXPRESSION_TYPE'
  | 'EXPRESSION_FORBIDDEN';

/** The text of an expression and the request field in which it stood. */
export interface ExpressionSource {
  readonly text: string;
  readonly field: string;
}

/**
 * The INVALID_ARGUMENT error for an expression. `at` is an offset into the text in UTF-16 units, undefined when unknown.
 * The error's `fields` hold `line` and `column` (both from 1) and `excerpt`: the line of text with a caret below it.
 */
export function expressionError(
  source: ExpressionSource,
  reason: ExpressionReason,
  at: number | undefined,
  what: string,
): AppError {
  const place = at === undefined ? undefined : locate(source.text, at);
  const description = place ? `${what} (line ${place.line}, column ${place.column})\n${place.excerpt}` : what;
  return new AppError('INVALID_ARGUMENT', `${source.field}: ${description}`, {
    reason,
    fields: place
      ? { field: source.field, line: String(place.line), column: String(place.column), excerpt: place.excerpt }
      : { field: source.field },
    violations: [{ field: source.field, reason, description }],
  });
}

const EXCERPT_MAX = 100;

function locate(text: string, at: number): { line: number; column: number; excerpt: string } {
  const before = text.slice(0, at);
  const start = before.lastIndexOf('\n') + 1;
  const end = text.indexOf('\n', at);
  const line = text.slice(start, end < 0 ? undefined : end);
  const column = at - start;
  const from = Math.max(0, column - EXCERPT_MAX / 2);
  const shown = line.slice(from, from + EXCERPT_MAX).replace(/\t/g, ' ');
  return {
    line: before.split('\n').length,
    column: column + 1,
    excerpt: `  ${shown}\n  ${' '.repeat(column - from)}^`,
  };
}

/** ` Did you mean "x"?` for the nearest of `known` names within two edits (one for short names), else an empty text. */
export function suggestion(name: string, known: Iterable<string>): string {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = wanted.length <= 4 ? 2 : 3;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best === undefined ? '' : ` Did you mean "${best}"?`;
}

/** Edits (insert, delete, replace, swap of neighbours) between two short texts: Damerau's optimal string alignment. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return 9;
  let [older, previous] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let d = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, older[j - 2]! + 1);
      current.push(d);
    }
    [older, previous] = [previous, current];
  }
  return previous[b.length]!;
}
