/**
 * The regular expressions that features may use: the part of RE2's syntax whose meaning JavaScript can match exactly and
 * without exponential time. Literals, `.`, `^`, `$`, `|`, groups `( )` and `(?: )`, classes `[a-z]`, `\d \w \s` and their
 * opposites, `* + ? {m,n}` with at most 1000 repeats, escapes of punctuation and `\t \n \r`. Not: back-references,
 * look-around, flags, named groups, POSIX and Unicode classes, word boundaries, and `*`, `+` or `{}` on a group.
 */

/** What a pattern was translated to, or why it is refused and where (offset into the pattern). */
export type Translation = { readonly source: string } | { readonly problem: string; readonly at: number };

const PATTERN_MAX = 500;
const CLASSES: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Za-z_', s: '\\t\\n\\f\\r ' };
const CONTROLS: Readonly<Record<string, string>> = { t: '\\t', n: '\\n', r: '\\r', f: '\\f' };

class Refusal extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** Translates a pattern to the source of an equal JavaScript regular expression with the `u` flag. */
export function translatePattern(pattern: string): Translation {
  if (pattern.length > PATTERN_MAX) return { problem: `the pattern is longer than ${PATTERN_MAX} characters`, at: 0 };
  try {
    return { source: translate(pattern) };
  } catch (error) {
    if (error instanceof Refusal) return { problem: error.message, at: error.at };
    throw error;
  }
}

function translate(pattern: string): string {
  const chars = [...pattern];
  let out = '';
  let depth = 0;
  let atom: 'none' | 'simple' | 'group' = 'none';
  let i = 0;
  const refuse = (message: string): never => {
    throw new Refusal(message, chars.slice(0, i).join('').length);
  };
  while (i < chars.length) {
    const c = chars[i]!;
    if (c === '(') {
      if (chars[i + 1] === '?') {
        if (chars[i + 2] !== ':') refuse('only plain groups ( ) and (?: ) are allowed');
        i += 2;
      }
      out += '(?:';
      depth++;
      atom = 'none';
      i++;
    } else if (c === ')') {
      if (--depth < 0) refuse('a parenthesis is closed that was not opened');
      out += ')';
      atom = 'group';
      i++;
    } else if (c === '|' || c === '^' || c === '$') {
      out += c;
      atom = 'none';
      i++;
    } else if (c === '*' || c === '+' || c === '?' || c === '{') {
      if (atom === 'none') refuse(`"${c}" has nothing to repeat`);
      if (atom === 'group' && c !== '?') refuse('a group may only be followed by "?"');
      const text = c === '{' ? (/^\{\d{1,4}(,\d{0,4})?\}/.exec(chars.slice(i, i + 11).join(''))?.[0] ?? '') : c;
      if (text === '') refuse('"{" must begin a repeat like {2} or {1,3}; write \\{ for the character');
      const [low, high] = (text.match(/\d+/g) ?? []).map(Number);
      if ((low ?? 0) > 1000 || (high ?? 0) > 1000) refuse('more than 1000 repeats');
      if (low !== undefined && high !== undefined && high < low) refuse('a repeat whose end is below its start');
      out += text;
      i += text.length;
      if (chars[i] === '?') {
        out += '?';
        i++;
      }
      atom = 'none';
    } else if (c === '[') {
      const [text, length] = translateClass(chars, i, refuse);
      out += text;
      i += length;
      atom = 'simple';
    } else if (c === '\\') {
      const e = chars[i + 1] ?? '';
      const lower = e.toLowerCase();
      if (CLASSES[lower] !== undefined && e !== '') out += `[${e === lower ? '' : '^'}${CLASSES[lower]}]`;
      else out += escaped(e, refuse);
      i += 2;
      atom = 'simple';
    } else {
      out += c === '.' ? '[^\\n]' : quote(c);
      i++;
      atom = 'simple';
    }
  }
  if (depth > 0) refuse('a parenthesis is not closed');
  return out;
}

function translateClass(chars: string[], start: number, refuse: (m: string) => never): [string, number] {
  let i = start + 1;
  let out = '[';
  if (chars[i] === '^') {
    out += '^';
    i++;
  }
  let last = -1; // code point that a range may start from
  let items = 0;
  for (; chars[i] !== ']'; items++) {
    const c = chars[i] ?? refuse('a class is not closed');
    if (c === '[') refuse('"[" inside a class must be written \\[');
    if (c === '\\') {
      const e = chars[i + 1] ?? '';
      if (CLASSES[e] !== undefined) {
        out += CLASSES[e];
        last = -1;
      } else {
        out += escaped(e, refuse);
        last = CONTROLS[e] ? -1 : e.codePointAt(0)!;
      }
      i += 2;
    } else if (c === '-' && items > 0 && chars[i + 1] !== ']') {
      const end = chars[i + 1] ?? refuse('a class is not closed');
      if (last < 0 || '\\[-'.includes(end)) refuse('a range in a class goes from one character to another, as in a-z');
      if (end.codePointAt(0)! < last) refuse('a range in a class whose end is before its start');
      out += `-${quote(end)}`;
      last = -1;
      i += 2;
    } else {
      out += c === '-' ? '\\-' : quote(c);
      last = c === '-' ? -1 : c.codePointAt(0)!;
      i++;
    }
  }
  if (items === 0) refuse('a class is empty');
  return [`${out}]`, i + 1 - start];
}

function escaped(e: string, refuse: (m: string) => never): string {
  if (CONTROLS[e]) return CONTROLS[e];
  if (e === '' || /[^!-/:-@[-`{-~]/.test(e)) refuse(`the escape "\\${e}" is not allowed`);
  return quote(e);
}

/** A character as a literal in a `u` regular expression, inside or outside of a class. */
function quote(c: string): string {
  if (c === '-') return '\\x2d';
  return /[\^$\\.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c;
}

/** The JavaScript regular expression of a LIKE pattern: `%` any run of characters, `_` one, everything else itself. */
export function likeToRegExp(pattern: string): RegExp {
  const source = [...pattern].map((c) => (c === '%' ? '[^]*' : c === '_' ? '[^]' : quote(c))).join('');
  return new RegExp(`^${source.replace(/(\[\^\]\*)+/g, '[^]*')}$`, 'u');
}
