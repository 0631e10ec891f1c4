import { parseTimestamp } from './calendar.ts';
import type { Expression } from './expression.ts';
import type { Overload } from './function-spec.ts';
import { findFunction, functionNames } from './functions.ts';
import { isIntervalSyntax, readInterval } from './intervals.ts';
import { type ExpressionReason, type ExpressionSource, expressionError, suggestion } from './problems.ts';
import type { Syntax } from './syntax.ts';
import type { ColumnSchema, FeatureType } from './types.ts';

/** Functions that are refused by name with a better reason than being unknown. */
const FORBIDDEN: readonly [RegExp, string][] = [
  [
    /^(now|today|current_.*|get_current_.*|transaction_timestamp|localtime.*|clock_.*|age)$/,
    'reads the clock: a feature must give the same value whenever it is computed. Use a column of time.',
  ],
  [/^(random|setseed|uuid|gen_random_uuid|uuidv\d|nextval|currval)$/, 'is not deterministic.'],
  [
    /^(read_.*|.*_scan|glob|getenv|getvariable|which_secret|pragma_.*|duckdb_.*|parquet_.*|sniff_csv|query|query_table|set_config|load.*|install.*|attach.*|version|st_read.*)$/,
    'touches files, the network or settings.',
  ],
  [
    /^(count|count_star|sum|avg|mean|min|max|first|last|any_value|arg_min|arg_max|median|mode|quantile.*|stddev.*|var_.*|variance|list|string_agg|array_agg|bool_and|bool_or|product|approx_.*|histogram)$/,
    'is an aggregate, which is not allowed here. Use the feature\'s "aggregate" with a window.',
  ],
  [
    /^(row_number|rank|dense_rank|lag|lead|ntile|first_value|last_value)$/,
    'is a window function, which is not allowed here.',
  ],
];

const CAST_TYPES: Readonly<Record<string, FeatureType>> = {
  BOOLEAN: 'boolean',
  TINYINT: 'int64',
  SMALLINT: 'int64',
  INTEGER: 'int64',
  BIGINT: 'int64',
  FLOAT: 'float64',
  DOUBLE: 'float64',
  DECIMAL: 'float64',
  VARCHAR: 'string',
  DATE: 'date',
  TIMESTAMP: 'timestamp',
};

/** Which conversions `CAST` knows: from, to. */
const CASTS: Readonly<Record<FeatureType, readonly FeatureType[]>> = {
  boolean: ['boolean', 'int64', 'float64', 'string'],
  int64: ['int64', 'float64', 'string', 'boolean'],
  float64: ['float64', 'int64'],
  string: ['string', 'boolean', 'int64', 'float64', 'date', 'timestamp'],
  date: ['date', 'timestamp', 'string'],
  timestamp: ['timestamp', 'date', 'string'],
};

/** A checked part; a bare NULL has no type until its neighbours give it one. */
type Typed = Expression | 'null';

const typeName = (e: Typed): string => (e === 'null' ? 'null' : e.type);

/** Checks an expression against a schema; throws the first problem as an INVALID_ARGUMENT with reason and position. */
export function checkSyntax(syntax: Syntax, source: ExpressionSource, schema: readonly ColumnSchema[]): Expression {
  const typed = new Checker(source, schema).check(syntax);
  if (typed !== 'null') return typed;
  throw expressionError(source, 'EXPRESSION_TYPE', syntax.at, 'NULL has no type here. Write CAST(NULL AS …).');
}

class Checker {
  readonly #source: ExpressionSource;
  readonly #columns: ReadonlyMap<string, ColumnSchema>;

  constructor(source: ExpressionSource, schema: readonly ColumnSchema[]) {
    this.#source = source;
    // SQL identifiers are compared without case; the first of two columns that differ by case only wins.
    this.#columns = new Map(schema.toReversed().map((column) => [column.name.toLowerCase(), column]));
  }

  #fail(reason: ExpressionReason, syntax: Syntax, what: string): Error {
    return expressionError(this.#source, reason, syntax.at, what);
  }

  check(syntax: Syntax): Typed {
    switch (syntax.kind) {
      case 'column':
        return this.#column(syntax);
      case 'literal':
        return syntax.type === 'null' ? 'null' : { kind: 'literal', type: syntax.type, value: syntax.value };
      case 'call':
        return this.#call(syntax);
      case 'cast':
        return this.#cast(syntax);
      case 'case': {
        const whens = syntax.branches.map((b) => this.#typed(b.when, 'boolean', 'A CASE condition'));
        const results = this.#unify(
          [...syntax.branches.map((b) => b.result), syntax.otherwise],
          'The branches of CASE',
        );
        if (results === 'null') return 'null';
        const branches = whens.map((when, i) => ({ when, result: results[i]! }));
        return { kind: 'case', type: results[0]!.type, branches, otherwise: results.at(-1)! };
      }
      case 'compare': {
        const sides = this.#unifyOr([syntax.left, syntax.right], 'The sides of a comparison');
        return { kind: 'compare', type: 'boolean', operator: syntax.operator, left: sides[0]!, right: sides[1]! };
      }
      case 'between': {
        const parts = this.#unifyOr([syntax.operand, syntax.low, syntax.high], 'The parts of BETWEEN');
        return { kind: 'between', type: 'boolean', operand: parts[0]!, low: parts[1]!, high: parts[2]! };
      }
      case 'in': {
        const parts = this.#unifyOr([syntax.operand, ...syntax.list], 'The members of IN');
        return { kind: 'in', type: 'boolean', operand: parts[0]!, list: parts.slice(1) };
      }
      case 'logic': {
        const args = syntax.args.map((a) =>
          this.#typed(a, 'boolean', `An operand of ${syntax.operator.toUpperCase()}`),
        );
        return { kind: 'logic', type: 'boolean', operator: syntax.operator, args };
      }
      case 'not':
        return { kind: 'not', type: 'boolean', operand: this.#typed(syntax.operand, 'boolean', 'The operand of NOT') };
      case 'isNull': {
        const operand = this.check(syntax.operand);
        return { kind: 'isNull', type: 'boolean', operand: operand === 'null' ? nullOf('boolean') : operand };
      }
      case 'coalesce': {
        const args = this.#unify(syntax.args, 'The arguments of coalesce');
        return args === 'null' ? 'null' : { kind: 'coalesce', type: args[0]!.type, args };
      }
    }
  }

  #column(syntax: Syntax & { kind: 'column' }): Typed {
    const name = syntax.path.join('.');
    const column = syntax.path.length === 1 ? this.#columns.get(name.toLowerCase()) : undefined;
    if (column) return { kind: 'column', type: column.type, name: column.name };
    const clock = FORBIDDEN[0]!;
    if (clock[0].test(name.toLowerCase())) throw this.#fail('EXPRESSION_FORBIDDEN', syntax, `"${name}" ${clock[1]}`);
    const known = [...this.#columns.values()].map((c) => c.name);
    const near = suggestion(name, known) || ` There are: ${known.slice(0, 20).join(', ') || 'none'}.`;
    throw this.#fail('EXPRESSION_UNKNOWN_COLUMN', syntax, `There is no column "${name}".${near}`);
  }

  #call(syntax: Syntax & { kind: 'call' }): Typed {
    const { name } = syntax;
    const shift = this.#shift(syntax);
    if (shift) return shift;
    const spec = findFunction(name);
    if (!spec) {
      const rule = FORBIDDEN.find(([pattern]) => pattern.test(name));
      if (rule) throw this.#fail('EXPRESSION_FORBIDDEN', syntax, `"${name}" ${rule[1]}`);
      const near = suggestion(name, functionNames()) || ' The list is in the reference of feature expressions.';
      throw this.#fail('EXPRESSION_UNKNOWN_FUNCTION', syntax, `There is no function "${name}".${near}`);
    }
    const args = syntax.args.map((arg) => this.check(arg));
    const candidates = spec.overloads
      .map((overload, index) => ({ overload, index, converted: this.#convertAll(overload, args) }))
      .filter((c) => c.converted !== undefined)
      .sort((a, b) => a.converted!.cost - b.converted!.cost);
    let refused: Error | undefined;
    for (const { overload, index, converted } of candidates) {
      const problem = literalProblem(overload, converted!.args);
      if (!problem)
        return { kind: 'call', type: overload.gives, name: spec.name, overload: index, args: converted!.args };
      refused ??= this.#fail(
        'EXPRESSION_TYPE',
        syntax.args[problem.index] ?? syntax,
        `Argument ${problem.index + 1} of ${spec.usage.split(',')[0]} ${problem.what}.`,
      );
    }
    const given = args.map(typeName).join(', ');
    throw (
      refused ??
      this.#fail(
        'EXPRESSION_TYPE',
        syntax,
        `"${spec.name}" does not take (${given}). Usage: ${spec.usage}. ${spec.doc}`,
      )
    );
  }

  /** The arguments as the overload takes them, with the number of conversions; undefined when it does not. */
  #convertAll(overload: Overload, args: readonly Typed[]): { args: Expression[]; cost: number } | undefined {
    const { takes } = overload;
    if (args.length < takes.length || (args.length > takes.length && !overload.variadic)) return undefined;
    const out: Expression[] = [];
    let cost = 0;
    for (const [i, arg] of args.entries()) {
      const wanted = takes[Math.min(i, takes.length - 1)]!;
      const converted = convert(arg, wanted);
      if (!converted) return undefined;
      if (arg !== 'null' && arg.type !== wanted) cost += arg.type === 'string' ? 10 : 1;
      out.push(converted);
    }
    return { args: out, cost };
  }

  /** `t + interval`, `t - interval`, `interval + t`; undefined when no interval is involved. */
  #shift(syntax: Syntax & { kind: 'call' }): Expression | undefined {
    const isInterval = syntax.args.map(isIntervalSyntax);
    if (isIntervalSyntax(syntax)) throw this.#fail('EXPRESSION_TYPE', syntax, INTERVAL_ALONE);
    if (!isInterval.includes(true)) return undefined;
    const [a, b] = syntax.args;
    const forward = syntax.name === '+' && syntax.args.length === 2;
    const backward = syntax.name === '-' && syntax.args.length === 2 && isInterval[1] === true;
    if (!a || !b || (!forward && !backward) || (isInterval[0] && isInterval[1]))
      throw this.#fail('EXPRESSION_TYPE', syntax, INTERVAL_ALONE);
    const [time, interval] = isInterval[0] ? [b, a] : [a, b];
    const from = this.#typed(time, 'timestamp', 'What an interval is added to');
    const read = readInterval(interval);
    if ('problem' in read) throw this.#fail('EXPRESSION_TYPE', interval, read.problem);
    return {
      kind: 'shift',
      type: 'timestamp',
      from,
      sign: backward ? -1 : 1,
      amount: this.#typed(read.amount, 'int64', 'The amount of an interval'),
      unit: read.unit,
      unitSize: read.unitSize,
    };
  }

  #cast(syntax: Syntax & { kind: 'cast' }): Typed {
    if (syntax.to === 'INTERVAL') throw this.#fail('EXPRESSION_TYPE', syntax, INTERVAL_ALONE);
    const to = CAST_TYPES[syntax.to];
    if (!to)
      throw this.#fail(
        'EXPRESSION_TYPE',
        syntax,
        `There is no cast to ${syntax.to}. Use ${Object.keys(CAST_TYPES).join(', ')}.`,
      );
    const operand = this.check(syntax.operand);
    if (operand === 'null') return nullOf(to);
    if (operand.type === to) return operand;
    if (operand.kind === 'literal' && operand.type === 'string') {
      const value = convert(operand, to);
      if (value) return value;
      if (to === 'boolean' && (operand.value === 't' || operand.value === 'f'))
        return { kind: 'literal', type: 'boolean', value: operand.value === 't' }; // how DuckDB writes TRUE and FALSE
    }
    if (!CASTS[operand.type].includes(to))
      throw this.#fail('EXPRESSION_TYPE', syntax, `A ${operand.type} cannot be cast to ${to}.`);
    return { kind: 'cast', type: to, operand };
  }

  #typed(syntax: Syntax, wanted: FeatureType, what: string): Expression {
    const part = this.check(syntax);
    const converted = convert(part, wanted);
    if (converted) return converted;
    throw this.#fail('EXPRESSION_TYPE', syntax, `${what} must be ${wanted}, not ${typeName(part)}.`);
  }

  /** The parts, brought to one type; 'null' when all of them are bare NULLs. */
  #unify(parts: readonly Syntax[], what: string): Expression[] | 'null' {
    const typed = parts.map((part) => this.check(part));
    if (typed.every((part) => part === 'null')) return 'null';
    for (const wanted of commonTypes(typed)) {
      const converted = typed.map((part) => convert(part, wanted));
      if (converted.every((part) => part !== undefined)) return converted as Expression[];
    }
    const first = typed.find((part) => part !== 'null')!;
    const odd = typed.findIndex((part) => part !== 'null' && part.type !== (first as Expression).type);
    const types = [...new Set(typed.map(typeName))].join(', ');
    throw this.#fail(
      'EXPRESSION_TYPE',
      parts[odd] ?? parts[0]!,
      `${what} must be of one type, not ${types}. Use CAST.`,
    );
  }

  #unifyOr(parts: readonly Syntax[], what: string): Expression[] {
    const unified = this.#unify(parts, what);
    return unified === 'null' ? parts.map(() => nullOf('boolean')) : unified;
  }
}

const INTERVAL_ALONE =
  'An interval can only be added to a date or timestamp, or subtracted from one. For spans use date_diff.';

const nullOf = (type: FeatureType): Expression => ({ kind: 'literal', type, value: null });

/** Types that might suit all parts: theirs, and what a literal text beside a date or timestamp is read as. */
function commonTypes(parts: readonly Typed[]): FeatureType[] {
  const present = new Set(parts.flatMap((part) => (part === 'null' ? [] : [part.type])));
  const order: FeatureType[] = ['boolean', 'int64', 'float64', 'date', 'timestamp', 'string'];
  return order.filter((type) => present.has(type));
}

/** The implicit conversions: null to anything, int64 to float64, date to timestamp, a literal text to date or timestamp. */
function convert(part: Typed, wanted: FeatureType): Expression | undefined {
  if (part === 'null') return nullOf(wanted);
  if (part.type === wanted) return part;
  if (part.type === 'int64' && wanted === 'float64') {
    if (part.kind === 'literal' && part.value !== null)
      return { kind: 'literal', type: 'float64', value: Number(part.value) };
    return { kind: 'cast', type: wanted, operand: part };
  }
  if (part.type === 'date' && wanted === 'timestamp') return { kind: 'cast', type: wanted, operand: part };
  if (part.kind === 'literal' && part.type === 'string' && (wanted === 'timestamp' || wanted === 'date')) {
    const text = String(part.value);
    const value = wanted === 'date' && text.length !== 10 ? null : parseTimestamp(text);
    if (value !== null) return { kind: 'literal', type: wanted, value };
  }
  return undefined;
}

function literalProblem(overload: Overload, args: readonly Expression[]): { index: number; what: string } | undefined {
  for (const [key, rule] of Object.entries(overload.literals ?? {})) {
    const index = Number(key);
    const arg = args[index];
    if (arg?.kind !== 'literal') return { index, what: 'must be a literal' };
    const what = rule(arg.value);
    if (what) return { index, what };
  }
  return undefined;
}
