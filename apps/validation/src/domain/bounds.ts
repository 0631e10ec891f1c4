import { invalidArgument } from '@millrace/kernel';
import type { ColumnType } from '@millrace/tables';
import { quoteLiteral } from '@millrace/tables';
import { isNumeric } from './types.ts';

/** Bounds as contracts write them: texts, empty for none. */
export interface Bounds {
  readonly minValue: string;
  readonly maxValue: string;
  readonly strictMin?: boolean;
  readonly strictMax?: boolean;
}

/** SQL that is true where a value of the type lies between the bounds, and null where it is missing. */
export function boundsSql(valueSql: string, type: ColumnType, bounds: Bounds): string {
  const parts: string[] = [];
  if (bounds.minValue !== '')
    parts.push(`${valueSql} ${bounds.strictMin ? '>' : '>='} ${literal(bounds.minValue, type, 'min_value')}`);
  if (bounds.maxValue !== '')
    parts.push(`${valueSql} ${bounds.strictMax ? '<' : '<='} ${literal(bounds.maxValue, type, 'max_value')}`);
  return parts.length === 0 ? 'true' : parts.join(' AND ');
}

/** Whether a measured value lies between the bounds; a missing one does so only where there are none. */
export function judgeBounds(value: number | null, bounds: Bounds): { success: boolean; observed: string } {
  const { minValue, maxValue, strictMin = false, strictMax = false } = bounds;
  if (value === null) return { success: minValue === '' && maxValue === '', observed: 'none' };
  const [lower, upper] = [Number(minValue), Number(maxValue)];
  const isAbove = minValue === '' || (strictMin ? value > lower : value >= lower);
  const isBelow = maxValue === '' || (strictMax ? value < upper : value <= upper);
  return { success: isAbove && isBelow, observed: String(value) };
}

/** A bound as an SQL literal of the column's type. */
function literal(text: string, type: ColumnType, field: string): string {
  if (isNumeric(type)) {
    if (/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text.trim())) return text.trim();
    throw wrongBound(field, text, 'a number');
  }
  if (type === 'date' || type.startsWith('timestamp')) {
    if (!Number.isNaN(Date.parse(text))) return `TIMESTAMP ${quoteLiteral(text.replace('T', ' ').replace('Z', ''))}`;
    throw wrongBound(field, text, 'a date or time');
  }
  return quoteLiteral(text);
}

function wrongBound(field: string, text: string, wanted: string) {
  return invalidArgument('BOUND_INVALID', [
    { field, reason: 'BOUND_INVALID', description: `"${text}" is not ${wanted}.` },
  ]);
}
