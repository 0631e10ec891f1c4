import type { Expression } from './expression.ts';
import type { FunctionSpec, Overload } from './function-spec.ts';
import { likeToRegExp, translatePattern } from './pattern.ts';
import type { Value } from './types.ts';

const literalText = (e: Expression | undefined): string => (e as { value: string }).value;

function text(
  takes: Overload['takes'],
  gives: Overload['gives'],
  sql: Overload['sql'],
  apply: (...v: never[]) => Value,
): Overload {
  return { takes, gives, sql, evaluator: () => apply };
}

const call =
  (name: string): Overload['sql'] =>
  (args) =>
    `${name}(${args.join(', ')})`;

/** Upper and lower case character by character, by Unicode's simple mappings: the length does not change. */
function simpleCase(map: (c: string) => string, special: Readonly<Record<string, string>>) {
  return (s: string) => {
    let out = '';
    for (const c of s) {
      const mapped = special[c] ?? map(c);
      out += mapped.length === c.length || [...mapped].length === 1 ? mapped : c;
    }
    return out;
  };
}

/**
 * Letters whose full upper-case mapping is several characters but whose simple one is one: ß, and the Greek vowels with
 * iota subscript, which lie 8 (or 9) below theirs.
 */
const UPPER_SPECIAL: Readonly<Record<string, string>> = Object.fromEntries([
  ['ß', 'ẞ'],
  ...[0x1f80, 0x1f90, 0x1fa0].flatMap((start) => Array.from({ length: 8 }, (_, i) => pair(start + i, 8))),
  ...[0x1fb3, 0x1fc3, 0x1ff3].map((code) => pair(code, 9)),
]);

function pair(code: number, distance: number): [string, string] {
  return [String.fromCodePoint(code), String.fromCodePoint(code + distance)];
}

function countCodePoints(s: string): bigint {
  let n = s.length;
  for (let i = 0; i < s.length; i++) if ((s.charCodeAt(i) & 0xfc00) === 0xdc00) n--;
  return BigInt(n);
}

const wholeFrom = (least: number) => (v: Value) =>
  typeof v === 'bigint' && v >= BigInt(least) && v <= 1_000_000_000n
    ? undefined
    : `must be a whole number from ${least} to 1,000,000,000`;

const patternRule = (v: Value) => {
  if (typeof v !== 'string') return 'must be a text';
  const result = translatePattern(v);
  return 'problem' in result ? `${result.problem} (at character ${result.at + 1} of the pattern)` : undefined;
};

const likeRule = (v: Value) =>
  typeof v === 'string' && v.length <= 500 && !v.includes('\\')
    ? undefined
    : 'must be a text of at most 500 characters without a backslash';

function like(name: string, sign: string, negated: boolean): FunctionSpec {
  return {
    name,
    usage: `s ${sign} 'pattern'`,
    doc: 'Whole-text match: % is any run of characters, _ one character; no escape character. The pattern is a literal.',
    overloads: [
      {
        takes: ['string', 'string'],
        gives: 'boolean',
        literals: { 1: likeRule },
        sql: ([s, pattern]) => `(${s} ${sign} ${pattern})`,
        evaluator: ([, pattern]) => {
          const regExp = likeToRegExp(literalText(pattern));
          return (s: string) => regExp.test(s) !== negated;
        },
      },
    ],
  };
}

/** Functions of text. Positions and lengths count Unicode code points. */
export const TEXT_FUNCTIONS: readonly FunctionSpec[] = [
  {
    name: 'lower',
    aliases: ['lcase'],
    usage: 'lower(s)',
    doc: "Each character by Unicode's simple lower-case mapping, whatever the language.",
    overloads: [
      text(
        ['string'],
        'string',
        call('lower'),
        simpleCase((c) => c.toLowerCase(), { İ: 'i' }),
      ),
    ],
  },
  {
    name: 'upper',
    aliases: ['ucase'],
    usage: 'upper(s)',
    doc: "Each character by Unicode's simple upper-case mapping; ß becomes ẞ.",
    overloads: [
      text(
        ['string'],
        'string',
        call('upper'),
        simpleCase((c) => c.toUpperCase(), UPPER_SPECIAL),
      ),
    ],
  },
  {
    name: 'length',
    aliases: ['len', 'char_length', 'character_length'],
    usage: 'length(s)',
    doc: 'The number of Unicode code points.',
    overloads: [text(['string'], 'int64', call('length'), countCodePoints)],
  },
  {
    name: 'substring',
    aliases: ['substr'],
    usage: 'substring(s, start), substring(s, start, length)',
    doc: 'The characters from start (a literal, from 1) on, at most length (a literal, from 0) of them.',
    overloads: [
      {
        takes: ['string', 'int64'],
        gives: 'string',
        literals: { 1: wholeFrom(1) },
        sql: call('substring'),
        evaluator: () => (s: string, start: bigint) => [...s].slice(Number(start) - 1).join(''),
      },
      {
        takes: ['string', 'int64', 'int64'],
        gives: 'string',
        literals: { 1: wholeFrom(1), 2: wholeFrom(0) },
        sql: call('substring'),
        evaluator: () => (s: string, start: bigint, length: bigint) =>
          [...s].slice(Number(start) - 1, Number(start) - 1 + Number(length)).join(''),
      },
    ],
  },
  {
    name: '||',
    usage: 's || t',
    doc: 'Concatenation; null when one side is null.',
    overloads: [
      text(
        ['string', 'string'],
        'string',
        ([a, b]) => `(${a} || ${b})`,
        (a: string, b: string) => a + b,
      ),
    ],
  },
  {
    name: 'concat',
    usage: 'concat(s, t, …)',
    doc: 'Concatenation in which nulls count as empty; never null.',
    overloads: [
      {
        takes: ['string', 'string'],
        gives: 'string',
        variadic: true,
        nullable: true,
        sql: call('concat'),
        evaluator:
          () =>
          (...values: Value[]) =>
            values.map((v) => v ?? '').join(''),
      },
    ],
  },
  {
    name: 'trim',
    usage: 'trim(s)',
    doc: "Without the spaces at both ends: Unicode's space separators, so not tabs or line ends.",
    overloads: [
      text(['string'], 'string', call('trim'), (s: string) =>
        s.replace(/^\p{Zs}+/u, '').replace(/(?<!\p{Zs})\p{Zs}+$/u, ''),
      ),
    ],
  },
  {
    name: 'replace',
    usage: 'replace(s, from, to)',
    doc: 'Every occurrence of from, left to right, becomes to; an empty from changes nothing.',
    overloads: [
      text(['string', 'string', 'string'], 'string', call('replace'), (s: string, from: string, to: string) =>
        from === '' ? s : s.split(from).join(to),
      ),
    ],
  },
  {
    name: 'starts_with',
    aliases: ['^@'],
    usage: 'starts_with(s, prefix)',
    doc: 'Whether s begins with prefix; true for an empty prefix.',
    overloads: [text(['string', 'string'], 'boolean', call('starts_with'), (s: string, p: string) => s.startsWith(p))],
  },
  {
    name: 'contains',
    usage: 'contains(s, part)',
    doc: 'Whether part occurs in s; true for an empty part.',
    overloads: [text(['string', 'string'], 'boolean', call('contains'), (s: string, p: string) => s.includes(p))],
  },
  {
    name: 'regexp_matches',
    usage: "regexp_matches(s, 'pattern')",
    doc: 'Whether the pattern (a literal) occurs anywhere in s. The part of RE2 that every engine matches alike in linear or polynomial time: no back-references, look-around, flags or word boundaries, and a group may only be followed by "?".',
    overloads: [
      {
        takes: ['string', 'string'],
        gives: 'boolean',
        literals: { 1: patternRule },
        sql: call('regexp_matches'),
        evaluator: ([, pattern]) => {
          const translation = translatePattern(literalText(pattern));
          const regExp = new RegExp('source' in translation ? translation.source : '(?!)', 'u');
          return (s: string) => regExp.test(s);
        },
      },
    ],
  },
  like('~~', 'LIKE', false),
  like('!~~', 'NOT LIKE', true),
];
