import { create } from '@bufbuild/protobuf';
import type { ComparisonGate, GateResult, MetricGate } from '@millrace/contracts/millrace/registry/v1/registered_model';
import { GateResultSchema } from '@millrace/contracts/millrace/registry/v1/registered_model';

/** Judges a bound for one of the version's own metrics. A metric that it does not have does not hold. */
export function judgeMetric(gate: MetricGate, metrics: Readonly<Record<string, number>>): GateResult {
  const { metric, minValue, maxValue } = gate;
  const bounds = [minValue === undefined ? '' : `≥ ${minValue}`, maxValue === undefined ? '' : `≤ ${maxValue}`];
  const sentence = `${metric} ${bounds.filter(Boolean).join(' and ')}`.trim();
  const value = metrics[metric];
  if (value === undefined) {
    const known = Object.keys(metrics).sort().join(', ');
    return create(GateResultSchema, {
      gate: sentence,
      holds: false,
      evidence: `The version has no metric "${metric}"; it has ${known}.`,
    });
  }
  const holds = (minValue === undefined || value >= minValue) && (maxValue === undefined || value <= maxValue);
  return create(GateResultSchema, {
    gate: sentence,
    holds,
    evidence: `${metric} is ${round(value)} on the test rows.`,
    figures: { candidate: value },
  });
}

/** What a paired comparison has measured. */
export interface Comparison {
  readonly candidate: number;
  readonly incumbent: number;
  /** 95 % interval of candidate less incumbent. */
  readonly lower: number;
  readonly upper: number;
  /** Share of bootstrap replicates in which the candidate is better. */
  readonly probability: number;
  readonly rows: number;
}

/** Confidence asked for where a gate says nothing. */
const CONFIDENCE_DEFAULT = 0.95;

/** Judges a comparison with the version that has the alias. */
export function judgeComparison(gate: ComparisonGate, alias: string, incumbent: string, found: Comparison): GateResult {
  const confidence = gate.confidence ?? CONFIDENCE_DEFAULT;
  const { candidate, probability, rows } = found;
  const share = `${(100 * probability).toFixed(1)} %`;
  return create(GateResultSchema, {
    gate: sentenceOf(gate, alias),
    holds: probability >= confidence,
    evidence: `${gate.metric} ${round(candidate)} against ${round(found.incumbent)} of ${incumbent} on the same ${rows} rows; better in ${share} of bootstrap replicates, ${100 * confidence} % asked.`,
    figures: { ...found, difference: candidate - found.incumbent },
  });
}

/** A comparison where nothing has the alias, or the version has it already: it holds. */
export function withoutIncumbent(gate: ComparisonGate, alias: string, evidence: string): GateResult {
  return create(GateResultSchema, { gate: sentenceOf(gate, alias), holds: true, evidence });
}

function sentenceOf(gate: ComparisonGate, alias: string): string {
  return `${gate.metric} better than ${alias}'s on ${gate.evaluationSet.split('/').at(-1)}`;
}

const round = (x: number) => Number(x.toPrecision(5));
