import { invariant } from '@millrace/kernel';
import { formatDate, formatTimestamp } from './calendar.ts';
import type { Comparison, Expression } from './expression.ts';
import { findFunction } from './functions.ts';
import { type FeatureType, SQL_TYPES, type Value } from './types.ts';

/** A name as an SQL identifier, quoted. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL literal. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const OPERATORS: Readonly<Record<Comparison, string>> = {
  '=': '=',
  '<>': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  distinct: 'IS DISTINCT FROM',
  same: 'IS NOT DISTINCT FROM',
};

/**
 * Prints an expression as DuckDB SQL: canonical (equal trees give equal text), every name quoted, every conversion and
 * every null written out, so that the text means the same under any settings. `qualifier` is put before each column.
 */
export function toSql(expression: Expression, qualifier?: string): string {
  const print = (e: Expression): string => {
    switch (e.kind) {
      case 'column':
        return `CAST(${qualifier === undefined ? '' : `${quoteIdentifier(qualifier)}.`}${quoteIdentifier(e.name)} AS ${SQL_TYPES[e.type]})`;
      case 'literal':
        return literalSql(e.type, e.value);
      case 'call': {
        const overload = findFunction(e.name)?.overloads[e.overload];
        invariant(overload, `function ${e.name} has no overload ${e.overload}`);
        return overload.sql(e.args.map(print));
      }
      case 'shift': {
        const amount = print(e.amount);
        const interval =
          e.unit === 'month'
            ? `to_months(TRY_CAST(TRY(${amount} * ${e.unitSize}) AS INTEGER))`
            : `to_microseconds(TRY(${amount} * CAST(${e.unitSize} AS BIGINT)))`;
        return `TRY(${print(e.from)} ${e.sign === 1 ? '+' : '-'} ${interval})`;
      }
      case 'case': {
        const branches = e.branches.map((b) => `WHEN ${print(b.when)} THEN ${print(b.result)}`).join(' ');
        return `CASE ${branches} ELSE ${print(e.otherwise)} END`;
      }
      case 'cast':
        return castSql(print(e.operand), e.operand.type, e.type);
      case 'compare':
        return `(${print(e.left)} ${OPERATORS[e.operator]} ${print(e.right)})`;
      case 'between':
        return `(${print(e.operand)} BETWEEN ${print(e.low)} AND ${print(e.high)})`;
      case 'in':
        return `(${print(e.operand)} IN (${e.list.map(print).join(', ')}))`;
      case 'logic':
        return `(${e.args.map(print).join(e.operator === 'and' ? ' AND ' : ' OR ')})`;
      case 'not':
        return `(NOT ${print(e.operand)})`;
      case 'isNull':
        return `(${print(e.operand)} IS NULL)`;
      case 'coalesce':
        return `coalesce(${e.args.map(print).join(', ')})`;
    }
  };
  return print(expression);
}

function literalSql(type: FeatureType, value: Value): string {
  if (value === null) return `CAST(NULL AS ${SQL_TYPES[type]})`;
  switch (type) {
    case 'boolean':
      return value ? 'TRUE' : 'FALSE';
    case 'int64':
      return `CAST(${value} AS BIGINT)`;
    case 'float64': {
      const x = Number(value);
      // The exponent makes DuckDB read a double, correctly rounded, and not a decimal.
      return Number.isFinite(x) ? `CAST(${x.toExponential()} AS DOUBLE)` : `CAST('${x}' AS DOUBLE)`;
    }
    case 'string':
      return quoteText(String(value));
    case 'date':
      return `DATE '${formatDate(value as bigint)}'`;
    case 'timestamp':
      return `TIMESTAMP '${formatTimestamp(value as bigint)}'`;
  }
}

/** The texts that conversions accept; the row evaluator uses the same. */
export const TEXT_FORMS = {
  int64: '^[+-]?[0-9]{1,30}$',
  float64: '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,5})?$',
  date: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
  timestamp: '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?$',
} as const;

function castSql(operand: string, from: FeatureType, to: FeatureType): string {
  if (from === 'string') {
    if (to === 'boolean') return `CASE lower(${operand}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END`;
    const form = TEXT_FORMS[to as keyof typeof TEXT_FORMS];
    return `TRY_CAST(regexp_extract(${operand}, '${form}') AS ${SQL_TYPES[to]})`;
  }
  return `TRY_CAST(${operand} AS ${SQL_TYPES[to]})`;
}
