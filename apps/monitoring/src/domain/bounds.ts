import { METRICS } from './metrics.ts';
import type { PerformanceBound } from './monitor.ts';

/** A bound that does not hold. */
export interface BrokenBound {
  readonly metric: string;
  readonly value: number;
  /** Where the bound lies on the metric's own scale. */
  readonly limit: number;
  /** What is wrong, for people. */
  readonly text: string;
}

/** The metrics of a model version's test rows under the names that monitoring uses. */
export function referenceMetrics(
  names: readonly string[],
  versionMetrics: Readonly<Record<string, number>>,
): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of names) {
    const value = versionMetrics[name] ?? versionMetrics[METRICS[name]?.referenceName ?? name];
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/** Holds metrics against their bounds; a metric or a reference that is not there is told in a note. */
export function judgeBounds(
  bounds: readonly PerformanceBound[],
  metrics: Readonly<Record<string, number>>,
  reference: Readonly<Record<string, number>>,
): { readonly broken: readonly BrokenBound[]; readonly notes: readonly string[] } {
  const broken: BrokenBound[] = [];
  const notes: string[] = [];
  for (const bound of bounds) {
    const { metric, minValue, maxValue, worseByMax } = bound;
    const value = metrics[metric];
    if (value === undefined) {
      notes.push(`The bound of ${metric} was not judged: the window has no such metric.`);
      continue;
    }
    const base = reference[metric];
    if (worseByMax !== undefined && base === undefined)
      notes.push(`${metric} was not compared with the test rows: the model version has no such metric.`);
    const found =
      below(bound, value, minValue) ??
      above(bound, value, maxValue) ??
      (base === undefined || worseByMax === undefined ? undefined : worse(metric, value, base, worseByMax));
    if (found) broken.push(found);
  }
  return { broken, notes };
}

function below({ metric }: PerformanceBound, value: number, limit: number | undefined): BrokenBound | undefined {
  if (limit === undefined || value >= limit) return undefined;
  return { metric, value, limit, text: `${metric} is ${show(value)}, below ${show(limit)}` };
}

function above({ metric }: PerformanceBound, value: number, limit: number | undefined): BrokenBound | undefined {
  if (limit === undefined || value <= limit) return undefined;
  return { metric, value, limit, text: `${metric} is ${show(value)}, above ${show(limit)}` };
}

/** Worse is lower or higher, by the metric; for a rate that is neither good nor bad, any change. */
function worse(metric: string, value: number, base: number, by: number): BrokenBound | undefined {
  const direction = METRICS[metric]?.worse ?? 'either';
  const change = value - base;
  const amount = direction === 'lower' ? -change : direction === 'higher' ? change : Math.abs(change);
  if (amount <= by) return undefined;
  const limit = change < 0 ? base - by : base + by;
  const word = direction === 'either' ? 'away from' : 'worse than';
  return {
    metric,
    value,
    limit,
    text: `${metric} is ${show(value)}, by ${show(amount)} ${word} ${show(base)} on the test rows (at most ${show(by)})`,
  };
}

/** A figure for people: four significant digits. */
export function show(value: number): string {
  return String(Number(value.toPrecision(4)));
}
