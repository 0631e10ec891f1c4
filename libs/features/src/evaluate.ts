import { invariant } from '@millrace/kernel';
import {
  addMonths,
  floorDiv,
  formatDate,
  formatTimestamp,
  MICROS,
  parseTimestamp,
  timestampOrNull,
} from './calendar.ts';
import type { Comparison, Expression } from './expression.ts';
import type { Overload } from './function-spec.ts';
import { findFunction } from './functions.ts';
import { TEXT_FORMS } from './sql.ts';
import type { FeatureType, Row, Value } from './types.ts';
import { int64FromDouble, int64OrNull, orderOf } from './values.ts';

/** Gives the value of an expression for a row. */
export type Evaluator = (row: Row) => Value;

/**
 * Compiles an expression to a function of a row, by closures (no code is generated). It gives what the SQL of `toSql`
 * gives, with two stated exceptions: `ln exp sin cos power` may differ in the last bit, and letters whose case mapping
 * differs between Unicode versions. It never throws for a row whose columns have the types of the schema.
 *
 * Columns are read by name; a missing or undefined one is null. For convenience an int64 may be an integral number, a
 * float64 a bigint, and a date or timestamp a `Date`.
 */
export function compileEvaluator(expression: Expression): Evaluator {
  const e = expression;
  switch (e.kind) {
    case 'column':
      return column(e.name, e.type);
    case 'literal':
      return () => e.value;
    case 'call': {
      const overload = findFunction(e.name)?.overloads[e.overload];
      invariant(overload, `function ${e.name} has no overload ${e.overload}`);
      return call(overload, e.args);
    }
    case 'shift':
      return shift(e);
    case 'case': {
      const branches = e.branches.map((b) => [compileEvaluator(b.when), compileEvaluator(b.result)] as const);
      const otherwise = compileEvaluator(e.otherwise);
      return (row) => {
        for (const [when, then] of branches) if (when(row) === true) return then(row);
        return otherwise(row);
      };
    }
    case 'cast':
      return cast(compileEvaluator(e.operand), e.operand.type, e.type);
    case 'compare':
      return compare(e.operator, e.left, e.right);
    case 'between': {
      const order = orderOf(e.operand.type);
      const [operand, low, high] = [e.operand, e.low, e.high].map(compileEvaluator) as [
        Evaluator,
        Evaluator,
        Evaluator,
      ];
      return (row) => {
        const [x, a, b] = [operand(row), low(row), high(row)];
        const above = x === null || a === null ? null : order(x, a) >= 0;
        const below = x === null || b === null ? null : order(x, b) <= 0;
        return above === false || below === false ? false : above === null || below === null ? null : true;
      };
    }
    case 'in': {
      const order = orderOf(e.operand.type);
      const operand = compileEvaluator(e.operand);
      const list = e.list.map(compileEvaluator);
      return (row) => {
        const x = operand(row);
        if (x === null) return null;
        let result: Value = false;
        for (const item of list) {
          const y = item(row);
          if (y === null) result = null;
          else if (order(x, y) === 0) return true;
        }
        return result;
      };
    }
    case 'logic': {
      const args = e.args.map(compileEvaluator);
      const decisive = e.operator === 'or';
      return (row) => {
        let result: Value = !decisive;
        for (const arg of args) {
          const x = arg(row);
          if (x === decisive) return decisive;
          if (x === null) result = null;
        }
        return result;
      };
    }
    case 'not': {
      const operand = compileEvaluator(e.operand);
      return (row) => {
        const x = operand(row);
        return x === null ? null : !x;
      };
    }
    case 'isNull': {
      const operand = compileEvaluator(e.operand);
      return (row) => operand(row) === null;
    }
    case 'coalesce': {
      const args = e.args.map(compileEvaluator);
      return (row) => {
        for (const arg of args) {
          const x = arg(row);
          if (x !== null) return x;
        }
        return null;
      };
    }
  }
}

function column(name: string, type: FeatureType): Evaluator {
  switch (type) {
    case 'int64':
      return (row) => {
        const x = row[name] as Value | undefined;
        return typeof x === 'number' ? (Number.isSafeInteger(x) ? BigInt(x) : null) : (x ?? null);
      };
    case 'float64':
      return (row) => {
        const x = row[name] as Value | undefined;
        return typeof x === 'bigint' ? Number(x) : (x ?? null);
      };
    case 'date':
    case 'timestamp':
      return (row) => {
        const x = row[name];
        const micros = x instanceof Date ? BigInt(x.getTime()) * MICROS.millisecond : ((x ?? null) as bigint | null);
        return micros !== null && type === 'date' ? floorDiv(micros, MICROS.day) * MICROS.day : micros;
      };
    default:
      return (row) => (row[name] as Value | undefined) ?? null;
  }
}

function call(overload: Overload, args: readonly Expression[]): Evaluator {
  const apply = overload.evaluator(args) as (...values: Value[]) => Value;
  const values = args.map(compileEvaluator);
  const [a, b] = values as [Evaluator, Evaluator];
  if (overload.nullable) return (row) => apply(...values.map((value) => value(row)));
  if (values.length === 1)
    return (row) => {
      const x = a(row);
      return x === null ? null : apply(x);
    };
  if (values.length === 2)
    return (row) => {
      const [x, y] = [a(row), b(row)];
      return x === null || y === null ? null : apply(x, y);
    };
  return (row) => {
    const all = values.map((value) => value(row));
    return all.includes(null) ? null : apply(...all);
  };
}

function shift(e: Expression & { kind: 'shift' }): Evaluator {
  const [from, amount] = [compileEvaluator(e.from), compileEvaluator(e.amount)];
  const sign = BigInt(e.sign);
  const move = e.unit === 'month' ? addMonths : (t: bigint, by: bigint) => timestampOrNull(t + by);
  return (row) => {
    const [t, n] = [from(row) as bigint | null, amount(row) as bigint | null];
    if (t === null || n === null) return null;
    const by = int64OrNull(n * e.unitSize);
    return by === null ? null : move(t, sign * by);
  };
}

function compare(operator: Comparison, left: Expression, right: Expression): Evaluator {
  const order = orderOf(left.type);
  const [a, b] = [compileEvaluator(left), compileEvaluator(right)];
  const when = (holds: (sign: number) => boolean): Evaluator => {
    return (row) => {
      const [x, y] = [a(row), b(row)];
      return x === null || y === null ? null : holds(order(x, y));
    };
  };
  const differ = (row: Row): boolean => {
    const [x, y] = [a(row), b(row)];
    return x === null || y === null ? x !== y : order(x, y) !== 0;
  };
  switch (operator) {
    case '=':
      return when((sign) => sign === 0);
    case '<>':
      return when((sign) => sign !== 0);
    case '<':
      return when((sign) => sign < 0);
    case '<=':
      return when((sign) => sign <= 0);
    case '>':
      return when((sign) => sign > 0);
    case '>=':
      return when((sign) => sign >= 0);
    case 'distinct':
      return differ;
    case 'same':
      return (row) => !differ(row);
  }
}

const FORMS = Object.fromEntries(Object.entries(TEXT_FORMS).map(([type, form]) => [type, new RegExp(form)])) as Record<
  keyof typeof TEXT_FORMS,
  RegExp
>;

function cast(operand: Evaluator, from: FeatureType, to: FeatureType): Evaluator {
  const convert = CONVERSIONS[`${from}>${to}`];
  invariant(convert, `no conversion from ${from} to ${to}`);
  return (row) => {
    const x = operand(row);
    return x === null ? null : convert(x as never);
  };
}

const CONVERSIONS: Readonly<Record<string, (x: never) => Value>> = {
  'boolean>int64': (x: boolean) => (x ? 1n : 0n),
  'boolean>float64': (x: boolean) => (x ? 1 : 0),
  'boolean>string': (x: boolean) => String(x),
  'int64>float64': (x: bigint) => Number(x),
  'int64>string': (x: bigint) => String(x),
  'int64>boolean': (x: bigint) => x !== 0n,
  'float64>int64': int64FromDouble,
  'string>boolean': (x: string) => (/^true$/i.test(x) ? true : /^false$/i.test(x) ? false : null),
  'string>int64': (x: string) => (FORMS.int64.test(x) ? int64OrNull(BigInt(x)) : null),
  'string>float64': (x: string) => (FORMS.float64.test(x) ? Number(x) : null),
  'string>date': (x: string) => (FORMS.date.test(x) ? parseTimestamp(x) : null),
  'string>timestamp': (x: string) => (FORMS.timestamp.test(x) ? parseTimestamp(x) : null),
  'date>timestamp': (x: bigint) => x,
  'date>string': formatDate as (x: never) => Value,
  'timestamp>date': (x: bigint) => floorDiv(x, MICROS.day) * MICROS.day,
  'timestamp>string': formatTimestamp as (x: never) => Value,
};
