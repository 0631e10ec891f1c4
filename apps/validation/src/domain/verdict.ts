import { create } from '@bufbuild/protobuf';
import type { DataContract } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { Action, Severity } from '@millrace/contracts/millrace/validation/v1/data_contract';
import type { ExpectationResult } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { ExpectationResultSchema, Verdict } from '@millrace/contracts/millrace/validation/v1/validation_run';
import type { Findings } from '../find-broken-rows.ts';
import type { FoundAnomaly } from './anomalies.ts';
import type { CompiledRule } from './rules.ts';
import { actionOf, findsRows, ruleName } from './rules.ts';

/** Share of added rows that may be put aside where the contract does not say. */
const QUARANTINED_SHARE_MAX = 0.2;

/** How each expectation fared, in the contract's order. */
export function judgeExpectations(
  rules: readonly CompiledRule[],
  findings: Findings,
  samples: ReadonlyMap<string, readonly string[]>,
): ExpectationResult[] {
  const rowRules = rules.filter(findsRows);
  const aggregates = rules.filter((rule) => rule.kind === 'aggregate');
  return rules.map((rule) => {
    const { expectation } = rule;
    const common = {
      expectation: expectation.id,
      rule: ruleName(expectation),
      severity: expectation.severity || Severity.ERROR,
      action: actionOf(expectation),
    };
    if (findsRows(rule)) {
      const { elements, unexpected } = findings.counts[rowRules.indexOf(rule)] ?? { elements: 0, unexpected: 0 };
      return create(ExpectationResultSchema, {
        ...common,
        success: holdsMostly(elements, unexpected, expectation.mostly ?? 1),
        elementCount: BigInt(elements),
        unexpectedCount: BigInt(unexpected),
        partialUnexpectedList: [...(samples.get(expectation.id) ?? [])],
      });
    }
    const { success, observed } =
      rule.kind === 'aggregate' ? rule.judge(findings.aggregates[aggregates.indexOf(rule)] ?? []) : rule;
    return create(ExpectationResultSchema, { ...common, success, observedValue: observed });
  });
}

/** Whether at least the share `mostly` of the elements is as expected; none at all is. */
export function holdsMostly(elements: number, unexpected: number, mostly: number): boolean {
  return unexpected === 0 || (elements - unexpected) / elements >= mostly;
}

/** What a version is judged to be, and why it is rejected. */
export function decide(
  contract: DataContract | undefined,
  results: readonly ExpectationResult[],
  anomalies: readonly FoundAnomaly[],
  findings: Findings,
): { verdict: Verdict; rejection: string } {
  const reasons = [
    ...results.filter((r) => !r.success && r.action === Action.FAIL).map(failureText),
    ...anomalies.filter((a) => a.action === Action.FAIL).map((a) => a.message ?? ''),
  ];
  const share = findings.rows === 0 ? 0 : findings.quarantinedRows / findings.rows;
  const shareMax = contract?.quarantinedShareMax ?? QUARANTINED_SHARE_MAX;
  if (share > shareMax)
    reasons.push(
      `${findings.quarantinedRows} of ${findings.rows} rows (${(100 * share).toFixed(1)} %) would be put aside, more than ${100 * shareMax} %.`,
    );
  return { verdict: reasons.length > 0 ? Verdict.REJECT : Verdict.PUBLISH, rejection: reasons.join(' ') };
}

function failureText(result: ExpectationResult): string {
  const what = result.observedValue
    ? `observed ${result.observedValue}`
    : `${result.unexpectedCount} of ${result.elementCount} rows break it`;
  return `Expectation "${result.expectation}" (${result.rule}) does not hold: ${what}.`;
}
