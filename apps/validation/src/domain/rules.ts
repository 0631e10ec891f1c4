import type { Expectation } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { Action } from '@millrace/contracts/millrace/validation/v1/data_contract';

/** A rule about single rows, as SQL over the dataset's columns. */
export interface RowRule {
  readonly kind: 'row';
  readonly expectation: Expectation;
  /** True where the row breaks the rule; null counts as false. */
  readonly brokenSql: string;
  /** True where the row is looked at; null counts as false. */
  readonly elementSql: string;
}

/** A rule that no two rows are equal in some columns. */
export interface DuplicateRule {
  readonly kind: 'duplicate';
  readonly expectation: Expectation;
  readonly columns: readonly string[];
  readonly keepFirst: boolean;
}

/** A rule about the whole of the rows. */
export interface AggregateRule {
  readonly kind: 'aggregate';
  readonly expectation: Expectation;
  /** Aggregates whose values `judge` gets, in order. */
  readonly valuesSql: readonly string[];
  /** Null values come from empty tables; they do not hold unless the rule has no bound. */
  judge(values: readonly (number | null)[]): { readonly success: boolean; readonly observed: string };
}

/** A rule about the columns, known without reading rows. */
export interface SchemaRule {
  readonly kind: 'schema';
  readonly expectation: Expectation;
  readonly success: boolean;
  readonly observed: string;
}

/** An expectation, ready to be judged. */
export type CompiledRule = RowRule | DuplicateRule | AggregateRule | SchemaRule;

/** Rules that find single rows. */
export type RowFindingRule = RowRule | DuplicateRule;

/** Whether the rule finds single rows, which can then be put aside. */
export function findsRows(rule: CompiledRule): rule is RowFindingRule {
  return rule.kind === 'row' || rule.kind === 'duplicate';
}

/** The action of an expectation; FAIL where it names none. */
export function actionOf(expectation: Expectation): Action {
  return expectation.action === Action.UNSPECIFIED ? Action.FAIL : expectation.action;
}

/** Name of a rule as in Great Expectations, for example `expect_column_values_to_be_between`. */
export function ruleName(expectation: Expectation): string {
  return (expectation.rule.case ?? '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
