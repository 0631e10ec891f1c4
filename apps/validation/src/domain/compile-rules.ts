import type { DataContract, Expectation, QuantileRule } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { Action } from '@millrace/contracts/millrace/validation/v1/data_contract';
import type { SerializeSql } from '@millrace/features';
import { compileExpression, toSql } from '@millrace/features';
import type { FieldViolation } from '@millrace/kernel';
import { invalidArgument, isAppError } from '@millrace/kernel';
import type { Field, TableSchema } from '@millrace/tables';
import { quoteIdentifier, quoteLiteral } from '@millrace/tables';
import { boundsSql, judgeBounds } from './bounds.ts';
import type { AggregateRule, CompiledRule } from './rules.ts';
import { actionOf, findsRows } from './rules.ts';
import { dataTypeOf, featureColumns, isNumeric } from './types.ts';

/** What rules are compiled against. */
export interface CompileContext {
  readonly schema: TableSchema;
  /** DuckDB's parser. */
  readonly serializeSql: SerializeSql;
}

/** Thrown within one expectation; collected for all of them. */
class RuleProblem extends Error {
  readonly field: string;
  readonly reason: string;

  constructor(field: string, reason: string, message: string) {
    super(message);
    this.field = field;
    this.reason = reason;
  }
}

/**
 * Compiles all expectations of a contract against the columns of a version.
 *
 * @throws AppError INVALID_ARGUMENT `DATA_CONTRACT_INVALID` with every expectation that names an unknown column or function,
 * a column of the wrong type, a bound that is no value of the column's type, or a bad combination of rule and action.
 */
export async function compileRules(contract: DataContract, context: CompileContext): Promise<CompiledRule[]> {
  const violations: FieldViolation[] = [];
  const rules: CompiledRule[] = [];
  const seen = new Set<string>();
  for (const [i, expectation] of contract.expectations.entries()) {
    const at = `expectations[${i}]`;
    if (seen.has(expectation.id))
      violations.push({
        field: `${at}.id`,
        reason: 'EXPECTATION_DUPLICATE',
        description: `"${expectation.id}" stands twice; ids are unique.`,
      });
    seen.add(expectation.id);
    try {
      const rule = await compileRule(expectation, context, at);
      if (actionOf(expectation) === Action.QUARANTINE && !findsRows(rule))
        throw new RuleProblem(
          'action',
          'ACTION_NOT_POSSIBLE',
          'QUARANTINE is for rules about single rows; use FAIL or WARN.',
        );
      rules.push(rule);
    } catch (error) {
      if (error instanceof RuleProblem)
        violations.push({ field: `${at}.${error.field}`, reason: error.reason, description: error.message });
      else if (isAppError(error)) violations.push({ field: at, reason: error.reason, description: error.message });
      else throw error;
    }
  }
  if (violations.length > 0) throw invalidArgument('DATA_CONTRACT_INVALID', violations);
  return rules;
}

async function compileRule(expectation: Expectation, context: CompileContext, at: string): Promise<CompiledRule> {
  const { rule } = expectation;
  const condition = expectation.rowCondition
    ? `(${await booleanSql(expectation.rowCondition, context, `${at}.row_condition`)})`
    : 'true';
  const row = (brokenSql: string, elementSql = 'true'): CompiledRule => ({
    kind: 'row',
    expectation,
    brokenSql: condition === 'true' ? brokenSql : `${condition} AND (${brokenSql})`,
    elementSql: condition === 'true' ? elementSql : `${condition} AND (${elementSql})`,
  });
  const column = (name: string) => fieldOf(context.schema, name, rule.case ?? 'rule');
  const present = (name: string) => `${quoteIdentifier(name)} IS NOT NULL`;
  switch (rule.case) {
    case 'expectColumnValuesToNotBeNull':
      return row(`${quoteIdentifier(column(rule.value.column).name)} IS NULL`);
    case 'expectColumnValuesToBeUnique':
      return {
        kind: 'duplicate',
        expectation,
        columns: [column(rule.value.column).name],
        keepFirst: rule.value.keepFirst,
      };
    case 'expectCompoundColumnsToBeUnique':
      return {
        kind: 'duplicate',
        expectation,
        columns: rule.value.columns.map((name) => column(name).name),
        keepFirst: rule.value.keepFirst,
      };
    case 'expectColumnValuesToBeBetween': {
      const field = column(rule.value.column);
      return row(`NOT (${boundsSql(quoteIdentifier(field.name), field.type, rule.value)})`, present(field.name));
    }
    case 'expectColumnValueLengthsToBeBetween': {
      const field = textField(column(rule.value.column));
      return row(
        `NOT (${boundsSql(`length(${quoteIdentifier(field.name)})`, 'int64', rule.value)})`,
        present(field.name),
      );
    }
    case 'expectColumnValuesToBeInSet': {
      const { name, type } = column(rule.value.column);
      const value = type === 'string' ? quoteIdentifier(name) : `${quoteIdentifier(name)}::VARCHAR`;
      return row(`${value} NOT IN (${rule.value.valueSet.map(quoteLiteral).join(', ')})`, present(name));
    }
    case 'expectColumnValuesToMatchRegex': {
      const field = textField(column(rule.value.column));
      return row(
        `NOT regexp_matches(${quoteIdentifier(field.name)}, ${quoteLiteral(rule.value.regex)})`,
        present(field.name),
      );
    }
    case 'expectColumnPairValuesAToBeGreaterThanB': {
      const [a, b] = [column(rule.value.columnA).name, column(rule.value.columnB).name];
      const compared = `${quoteIdentifier(a)} ${rule.value.orEqual ? '>=' : '>'} ${quoteIdentifier(b)}`;
      return row(`NOT (${compared})`, `${present(a)} AND ${present(b)}`);
    }
    case 'expectRowExpressionToBeTrue':
      return row(`NOT (${await booleanSql(rule.value.expression, context, `${at}.expression`)})`);
    case 'expectColumnValuesToBeOfType': {
      const { type } = column(rule.value.column);
      return { kind: 'schema', expectation, success: dataTypeOf(type) === rule.value.type, observed: type };
    }
    case 'expectTableColumnsToMatchSet': {
      const names = context.schema.fields.map((field) => field.name).sort();
      const success = names.join('\n') === [...new Set(rule.value.columns)].sort().join('\n');
      return { kind: 'schema', expectation, success, observed: names.join(', ') };
    }
    case 'expectTableRowCountToBeBetween': {
      const { minValue, maxValue } = rule.value;
      const bounds = { minValue: minValue?.toString() ?? '', maxValue: maxValue?.toString() ?? '' };
      return aggregate(expectation, ['count(*)'], (values) => judgeBounds(values[0] ?? null, bounds));
    }
    case 'expectColumnMeanToBeBetween': {
      const name = numericField(column(rule.value.column)).name;
      return aggregate(expectation, [`avg(${quoteIdentifier(name)})`], (values) =>
        judgeBounds(values[0] ?? null, rule.value),
      );
    }
    case 'expectColumnStdevToBeBetween': {
      const name = numericField(column(rule.value.column)).name;
      return aggregate(expectation, [`stddev_samp(${quoteIdentifier(name)})`], (values) =>
        judgeBounds(values[0] ?? null, rule.value),
      );
    }
    case 'expectColumnUniqueValueCountToBeBetween': {
      const { name } = column(rule.value.column);
      return aggregate(expectation, [`count(DISTINCT ${quoteIdentifier(name)})`], (values) =>
        judgeBounds(values[0] ?? null, rule.value),
      );
    }
    case 'expectColumnQuantileValuesToBeBetween':
      return quantiles(expectation, rule.value, numericField(column(rule.value.column)).name);
    default:
      throw new RuleProblem('rule', 'RULE_MISSING', 'names no rule.');
  }
}

function aggregate(
  expectation: Expectation,
  valuesSql: readonly string[],
  judge: AggregateRule['judge'],
): AggregateRule {
  return { kind: 'aggregate', expectation, valuesSql, judge };
}

function quantiles(expectation: Expectation, rule: QuantileRule, column: string): AggregateRule {
  const ranges = rule.quantileRanges;
  const valuesSql = ranges.map(({ quantile }) => `quantile_cont(${quoteIdentifier(column)}, ${quantile})`);
  return aggregate(expectation, valuesSql, (values) => {
    const judged = ranges.map(({ minValue, maxValue }, i) =>
      judgeBounds(values[i] ?? null, { minValue: minValue?.toString() ?? '', maxValue: maxValue?.toString() ?? '' }),
    );
    const observed = ranges.map(({ quantile }, i) => `q${quantile}=${judged[i]?.observed}`).join(', ');
    return { success: judged.every(({ success }) => success), observed };
  });
}

function fieldOf(schema: TableSchema, name: string, where: string): Field {
  const found = schema.fields.find((field) => field.name === name);
  if (found) return found;
  const known = schema.fields.map((field) => field.name).join(', ');
  throw new RuleProblem(
    `${where}.column`,
    'COLUMN_NOT_FOUND',
    `there is no column "${name}"; the columns are ${known}.`,
  );
}

function textField(field: Field): Field {
  if (field.type === 'string') return field;
  throw new RuleProblem('column', 'COLUMN_TYPE', `column "${field.name}" is ${field.type}; the rule is for text.`);
}

function numericField(field: Field): Field {
  if (isNumeric(field.type)) return field;
  throw new RuleProblem('column', 'COLUMN_TYPE', `column "${field.name}" is ${field.type}; the rule is for numbers.`);
}

async function booleanSql(text: string, context: CompileContext, field: string): Promise<string> {
  const expression = await compileExpression(text, {
    schema: featureColumns(context.schema),
    serializeSql: context.serializeSql,
    field,
  });
  if (expression.type === 'boolean') return toSql(expression);
  throw new RuleProblem('expression', 'EXPRESSION_TYPE', `"${text}" is ${expression.type}; it must be true or false.`);
}
