import { MICROS } from './calendar.ts';
import type { Syntax } from './syntax.ts';

/** An interval: how many units of what size. */
export interface IntervalSyntax {
  readonly amount: Syntax;
  readonly unit: 'month' | 'microsecond';
  readonly unitSize: bigint;
}

const UNITS: Readonly<Record<string, readonly ['month' | 'microsecond', bigint]>> = {
  microsecond: ['microsecond', 1n],
  millisecond: ['microsecond', MICROS.millisecond],
  second: ['microsecond', MICROS.second],
  minute: ['microsecond', MICROS.minute],
  hour: ['microsecond', MICROS.hour],
  day: ['microsecond', MICROS.day],
  week: ['microsecond', MICROS.week],
  month: ['month', 1n],
  quarter: ['month', 3n],
  year: ['month', 12n],
};

const unitOfFunction = (name: string) => (name.startsWith('to_') ? UNITS[name.slice(3).replace(/s$/, '')] : undefined);

/** Whether a part is an interval: `INTERVAL …`, or `to_days(…)` and its kin. */
export function isIntervalSyntax(syntax: Syntax): boolean {
  if (syntax.kind === 'cast') return syntax.to === 'INTERVAL';
  return syntax.kind === 'call' && unitOfFunction(syntax.name) !== undefined;
}

/** Reads an interval; DuckDB writes `INTERVAL 3 DAY` as `to_days(CAST(trunc(CAST(3 AS DOUBLE)) AS INTEGER))`. */
export function readInterval(syntax: Syntax): IntervalSyntax | { readonly problem: string } {
  if (syntax.kind === 'call') {
    const unit = unitOfFunction(syntax.name);
    const arg = syntax.args[0];
    if (unit && arg && syntax.args.length === 1) return { amount: unwrap(arg), unit: unit[0], unitSize: unit[1] };
  }
  if (syntax.kind === 'cast' && syntax.operand.kind === 'literal' && syntax.operand.type === 'string') {
    const match = /^\s*(-?\d{1,15})\s+([a-z]+?)s?\s*$/i.exec(String(syntax.operand.value));
    const unit = match && UNITS[match[2]!.toLowerCase()];
    if (unit) {
      const amount: Syntax = { kind: 'literal', at: syntax.at, type: 'int64', value: BigInt(match[1]!) };
      return { amount, unit: unit[0], unitSize: unit[1] };
    }
  }
  return {
    problem: `An interval is one whole number and one unit (${Object.keys(UNITS).join(', ')}), like INTERVAL 90 MINUTE.`,
  };
}

/** `CAST(trunc(CAST(x AS DOUBLE)) AS …)` → x; for seconds and less DuckDB writes `CAST(x AS DOUBLE)`. */
function unwrap(arg: Syntax): Syntax {
  if (arg.kind !== 'cast') return arg;
  if (arg.to === 'DOUBLE') return arg.operand;
  const call = arg.operand;
  const inner = call.kind === 'call' && call.name === 'trunc' ? call.args[0] : undefined;
  return inner?.kind === 'cast' ? inner.operand : arg;
}
