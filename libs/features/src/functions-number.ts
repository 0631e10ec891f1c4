import type { FunctionSpec, Overload } from './function-spec.ts';
import type { FeatureType, Value } from './types.ts';
import { int64OrNull, orderOf } from './values.ts';

type Ints = (a: bigint, b: bigint) => Value;
type Floats = (a: number, b: number) => Value;

/** Integer arithmetic: TRY turns DuckDB's overflow error into null. */
function ints(sign: string, apply: Ints): Overload {
  return {
    takes: ['int64', 'int64'],
    gives: 'int64',
    sql: ([a, b]) => `TRY(${a} ${sign} ${b})`,
    evaluator: () => apply,
  };
}

function floats(sign: string, apply: Floats): Overload {
  return {
    takes: ['float64', 'float64'],
    gives: 'float64',
    sql: ([a, b]) => `(${a} ${sign} ${b})`,
    evaluator: () => apply,
  };
}

/** A function of one double. `partial`: DuckDB fails outside of its domain, so TRY makes that null. */
function real(name: string, usage: string, doc: string, apply: (x: number) => Value, partial = false): FunctionSpec {
  const sql = ([x]: readonly string[]) => (partial ? `TRY(${name}(${x}))` : `${name}(${x})`);
  return { name, usage, doc, overloads: [{ takes: ['float64'], gives: 'float64', sql, evaluator: () => apply }] };
}

const ULP = 'Engines may differ in the last bit (1 ulp).';

/** `apply` for doubles, identity for integers. */
function rounding(name: string, aliases: string[], doc: string, apply: (x: number) => number): FunctionSpec {
  return {
    name,
    aliases,
    usage: `${name}(x)`,
    doc: `${doc} An int64 stays as it is.`,
    overloads: [
      { takes: ['int64'], gives: 'int64', sql: ([x]) => x!, evaluator: () => (x: bigint) => x },
      { takes: ['float64'], gives: 'float64', sql: ([x]) => `${name}(${x})`, evaluator: () => apply },
    ],
  };
}

/** The nearest whole number, halves away from zero: C's `round`. */
function roundAway(x: number): number {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}

function roundTo(digits: number): (x: number) => number {
  const scale = Number(`1e${digits}`);
  return (x) => {
    const rounded = roundAway(x * scale) / scale;
    return Number.isFinite(rounded) ? rounded : x;
  };
}

/** C's `pow`, where JavaScript's differs from it: 1 to any power, and -1 to an infinite one, are 1. */
function power(base: number, exponent: number): number {
  if (base === 1 || (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY)) return 1;
  return base ** exponent;
}

const ORDERED: readonly FeatureType[] = ['int64', 'float64', 'string', 'date', 'timestamp', 'boolean'];

/** greatest and least: nulls are passed over. */
function extreme(name: 'greatest' | 'least', sign: 1 | -1): FunctionSpec {
  return {
    name,
    usage: `${name}(a, b, …)`,
    doc: `The ${name} of the arguments that are not null; null when all are. NaN is the greatest float64.`,
    overloads: ORDERED.map((type) => {
      const order = orderOf(type);
      return {
        takes: [type, type],
        gives: type,
        variadic: true,
        nullable: true,
        sql: (args) => `${name}(${args.join(', ')})`,
        evaluator:
          () =>
          (...values: Value[]) => {
            let best: Value = null;
            for (const v of values) if (v !== null && (best === null || order(v, best) * sign > 0)) best = v;
            return best;
          },
      };
    }),
  };
}

const digitsRule = (v: Value) =>
  typeof v === 'bigint' && v >= 0n && v <= 15n ? undefined : 'must be a whole number from 0 to 15';

/** Arithmetic and mathematics. */
export const NUMBER_FUNCTIONS: readonly FunctionSpec[] = [
  {
    name: '+',
    usage: 'a + b',
    doc: 'Sum. int64: null on overflow. A date or timestamp plus an interval is described under intervals.',
    overloads: [ints('+', (a, b) => int64OrNull(a + b)), floats('+', (a, b) => a + b)],
  },
  {
    name: '-',
    usage: 'a - b, -a',
    doc: 'Difference or negation. int64: null on overflow.',
    overloads: [
      ints('-', (a, b) => int64OrNull(a - b)),
      floats('-', (a, b) => a - b),
      { takes: ['int64'], gives: 'int64', sql: ([x]) => `TRY(-${x})`, evaluator: () => (x: bigint) => int64OrNull(-x) },
      { takes: ['float64'], gives: 'float64', sql: ([x]) => `(-${x})`, evaluator: () => (x: number) => -x },
    ],
  },
  {
    name: '*',
    usage: 'a * b',
    doc: 'Product. int64: null on overflow.',
    overloads: [ints('*', (a, b) => int64OrNull(a * b)), floats('*', (a, b) => a * b)],
  },
  {
    name: '/',
    usage: 'a / b',
    doc: 'Division of float64; integers are converted first, so 7 / 2 is 3.5. Division by zero gives null.',
    overloads: [
      {
        takes: ['float64', 'float64'],
        gives: 'float64',
        sql: ([a, b]) => `(${a} / nullif(${b}, CAST(0 AS DOUBLE)))`,
        evaluator: () => (a: number, b: number) => (b === 0 ? null : a / b),
      },
    ],
  },
  {
    name: '//',
    usage: 'a // b',
    doc: 'Division of integers, rounded towards zero: -7 // 2 is -3. By zero, and on overflow, null.',
    overloads: [
      {
        takes: ['int64', 'int64'],
        gives: 'int64',
        sql: ([a, b]) => `TRY(${a} // nullif(${b}, CAST(0 AS BIGINT)))`,
        evaluator: () => (a: bigint, b: bigint) => (b === 0n ? null : int64OrNull(a / b)),
      },
    ],
  },
  {
    name: '%',
    aliases: ['mod'],
    usage: 'a % b',
    doc: 'Remainder with the sign of the dividend: -7 % 3 is -1. By zero null; the least int64 % -1 is null.',
    overloads: [
      {
        takes: ['int64', 'int64'],
        gives: 'int64',
        sql: ([a, b]) => `TRY(${a} % nullif(${b}, CAST(0 AS BIGINT)))`,
        evaluator: () => (a: bigint, b: bigint) => (b === 0n || (b === -1n && a === -(2n ** 63n)) ? null : a % b),
      },
      {
        takes: ['float64', 'float64'],
        gives: 'float64',
        sql: ([a, b]) => `(${a} % nullif(${b}, CAST(0 AS DOUBLE)))`,
        evaluator: () => (a: number, b: number) => (b === 0 ? null : a % b),
      },
    ],
  },
  {
    name: 'abs',
    usage: 'abs(x)',
    doc: 'Magnitude. int64: null for the least value, whose magnitude does not fit.',
    overloads: [
      {
        takes: ['int64'],
        gives: 'int64',
        sql: ([x]) => `TRY(abs(${x}))`,
        evaluator: () => (x: bigint) => int64OrNull(x < 0n ? -x : x),
      },
      { takes: ['float64'], gives: 'float64', sql: ([x]) => `abs(${x})`, evaluator: () => Math.abs },
    ],
  },
  rounding('floor', [], 'The greatest whole number not above x.', Math.floor),
  rounding('ceil', ['ceiling'], 'The least whole number not below x.', Math.ceil),
  {
    name: 'round',
    usage: 'round(x), round(x, digits)',
    doc: 'Rounds halves away from zero. digits is a literal from 0 to 15; computed as round(x · 10^digits) / 10^digits in float64. An int64 stays as it is.',
    overloads: [
      ...rounding('round', [], '', roundAway).overloads,
      {
        takes: ['int64', 'int64'],
        gives: 'int64',
        literals: { 1: digitsRule },
        sql: ([x]) => x!,
        evaluator: () => (x: bigint) => x,
      },
      {
        takes: ['float64', 'int64'],
        gives: 'float64',
        literals: { 1: digitsRule },
        sql: ([x, digits]) => `round(${x}, CAST(${digits} AS INTEGER))`,
        evaluator: ([, digits]) => roundTo(Number((digits as { value: Value }).value)),
      },
    ],
  },
  real('sqrt', 'sqrt(x)', 'Square root; null below zero.', (x) => (x < 0 ? null : Math.sqrt(x)), true),
  real('ln', 'ln(x)', `Natural logarithm; null at and below zero. ${ULP}`, (x) => (x <= 0 ? null : Math.log(x)), true),
  real('exp', 'exp(x)', `e to the x; infinity on overflow. ${ULP}`, Math.exp),
  ...(['sin', 'cos'] as const).map((name) =>
    real(
      name,
      `${name}(x)`,
      `${name === 'sin' ? 'Sine' : 'Cosine'} of x radians; null for infinities. ${ULP}`,
      (x) => (Math.abs(x) === Number.POSITIVE_INFINITY ? null : Math[name](x)),
      true,
    ),
  ),
  {
    name: 'power',
    aliases: ['pow', '^', '**'],
    usage: 'power(a, b), a ^ b, a ** b',
    doc: `a to the b in float64, by IEEE 754: a fractional power of a negative number is NaN, overflow is infinity. ${ULP}`,
    overloads: [
      {
        takes: ['float64', 'float64'],
        gives: 'float64',
        sql: ([a, b]) => `power(${a}, ${b})`,
        evaluator: () => power,
      },
    ],
  },
  extreme('greatest', 1),
  extreme('least', -1),
  {
    name: 'nullif',
    usage: 'nullif(a, b)',
    doc: 'Null when a equals b, else a.',
    overloads: ORDERED.map((type) => {
      const order = orderOf(type);
      return {
        takes: [type, type],
        gives: type,
        nullable: true,
        sql: ([a, b]) => `nullif(${a}, ${b})`,
        evaluator: () => (a: Value, b: Value) => (a !== null && b !== null && order(a, b) === 0 ? null : a),
      };
    }),
  },
];
