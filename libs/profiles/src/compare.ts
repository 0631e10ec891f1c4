import {
  chiSquare,
  hellinger,
  jensenShannonDistance,
  jsDivergenceBase2,
  linfinity,
  proportionsPValue,
  psi,
  totalVariation,
} from './distances.ts';
import {
  type BoundedDistance,
  categoryBins,
  type DriftBin,
  ksFromProfiles,
  quantileBins,
  unionDistinct,
  validCount,
  wassersteinFromProfiles,
  wassersteinNormalisedFromProfiles,
} from './from-profiles.ts';
import type { ColumnProfile, TableProfile } from './model.ts';

/** Which measure decides. `chi_square`, `ks_p_value` and `z_p_value` are p-values: drift below the threshold. */
export type DriftMethod =
  | 'psi'
  | 'jensen_shannon'
  | 'wasserstein_normalised'
  | 'hellinger'
  | 'total_variation'
  | 'linfinity'
  | 'ks_p_value'
  | 'chi_square'
  | 'z_p_value';

/** A measure and where drift begins: at or above for distances, below for p-values (at or below for `ks_p_value`). */
export interface DriftRule {
  readonly method: DriftMethod;
  readonly threshold: number;
}

/**
 * Settings of {@link compareProfiles}. Without a rule, type and size choose one as Evidently 0.7 does
 * (stattests/registry.py); `few` means at most 5 distinct values on both sides together:
 *
 * | reference's valid values | column | method | drift when |
 * | --- | --- | --- | --- |
 * | <= 1000 | numeric, not few | `ks_p_value` | <= 0.05 |
 * | <= 1000 | numeric few or categorical, more than 2 distinct | `chi_square` | < 0.05 |
 * | <= 1000 | at most 2 distinct | `z_p_value` | < 0.05 |
 * | > 1000 | numeric, not few | `wasserstein_normalised` | >= 0.1 |
 * | > 1000 | numeric few or categorical | `jensen_shannon` (natural log) | >= 0.1 |
 * | any | timestamp | none unless a rule names one: time moves on | |
 */
export interface DriftThresholds {
  /** Rules by column name; they go before `numeric` and `categorical`. */
  readonly columns?: Readonly<Record<string, DriftRule>>;
  /** Rule for all numeric columns. */
  readonly numeric?: DriftRule;
  /** Rule for all string and boolean columns. */
  readonly categorical?: DriftRule;
  /** Valid values that both sides need before a column is judged; 30 when absent. */
  readonly rowsMin?: number;
  /** Absolute difference of the missing shares from which missingness has drifted; 0.1 when absent. */
  readonly missingShare?: number;
  /** Share of judged columns from which the data set has drifted; 0.5 when absent, as in Evidently. */
  readonly driftShare?: number;
  /** Quantile bins of the reference for numeric share distances; 10 when absent. */
  readonly bins?: number;
}

/** All measures of a column; null where the kind of column has none. Share distances are over `bins`. */
export interface DriftMetrics {
  readonly psi: number;
  readonly jensenShannonDistance: number;
  readonly jsDivergenceBase2: number;
  readonly hellinger: number;
  readonly totalVariation: number;
  readonly linfinity: number;
  readonly chiSquarePValue: number;
  readonly ks: (BoundedDistance & { readonly pValue: number }) | null;
  readonly wasserstein: BoundedDistance | null;
  readonly wassersteinNormalised: BoundedDistance | null;
}

/** Missing values (nulls and NaN) of both sides, judged apart from the values themselves. */
export interface MissingDrift {
  readonly reference: number;
  readonly current: number;
  /** Current minus reference, -1 … 1. */
  readonly difference: number;
  readonly threshold: number;
  readonly drifted: boolean;
}

/** Verdict on one column. */
export interface ColumnDrift {
  readonly column: string;
  readonly type: ColumnProfile['type'];
  /**
   * `judged`, or why there is no verdict: `too_few_rows` (a side has fewer valid values than `rowsMin`), `no_rule`
   * (timestamps), `missing_column` (the current side does not have it), `type_changed`.
   */
  readonly status: 'judged' | 'too_few_rows' | 'no_rule' | 'missing_column' | 'type_changed';
  readonly method: DriftMethod | null;
  /** The deciding value, or null without a verdict. */
  readonly score: number | null;
  readonly threshold: number | null;
  /** False without a verdict. */
  readonly drifted: boolean;
  readonly missing: MissingDrift | null;
  /** Null when a side has no valid value. */
  readonly metrics: DriftMetrics | null;
  readonly bins: readonly DriftBin[];
}

/** Comparison of two profiles. */
export interface ProfileComparison {
  readonly referenceRows: number;
  readonly currentRows: number;
  readonly columns: readonly ColumnDrift[];
  /** Drifted columns over judged columns; 0 when none was judged. */
  readonly driftShare: number;
  readonly driftShareThreshold: number;
  /** Whether at least one column drifted and the share reaches the threshold. */
  readonly drifted: boolean;
}

const pValueMethods: readonly DriftMethod[] = ['ks_p_value', 'chi_square', 'z_p_value'];

/** Compares the columns of the reference with those of the same name in the current profile. Facts, never errors. */
export function compareProfiles(
  reference: TableProfile,
  current: TableProfile,
  thresholds: DriftThresholds = {},
): ProfileComparison {
  const others = new Map(current.columns.map((column) => [column.name, column]));
  const columns = reference.columns.map((column) => compareColumns(column, others.get(column.name), thresholds));
  const judged = columns.filter((column) => column.status === 'judged');
  const drifted = judged.filter((column) => column.drifted);
  const driftShare = judged.length === 0 ? 0 : drifted.length / judged.length;
  const driftShareThreshold = thresholds.driftShare ?? 0.5;
  return {
    referenceRows: reference.rows,
    currentRows: current.rows,
    columns,
    driftShare,
    driftShareThreshold,
    drifted: drifted.length > 0 && driftShare >= driftShareThreshold,
  };
}

/** Compares one column; `current` is undefined when it is missing. */
export function compareColumns(
  reference: ColumnProfile,
  current: ColumnProfile | undefined,
  thresholds: DriftThresholds = {},
): ColumnDrift {
  const base = { column: reference.name, type: reference.type, method: null, score: null, threshold: null };
  const none = { ...base, drifted: false, missing: null, metrics: null, bins: [] };
  if (current === undefined) return { ...none, status: 'missing_column' };
  if (reference.kind !== current.kind) return { ...none, status: 'type_changed' };
  const missing = compareMissing(reference, current, thresholds.missingShare ?? 0.1);
  const distinct = unionDistinct(reference, current);
  const bins = driftBins(reference, current, distinct, thresholds.bins ?? 10);
  const least = Math.min(validCount(reference), validCount(current));
  const metrics = least === 0 ? null : measure(reference, current, bins);
  const compared = { ...base, drifted: false, missing, metrics, bins };
  if (metrics === null || least < (thresholds.rowsMin ?? 30)) return { ...compared, status: 'too_few_rows' };
  const rule = chooseRule(reference, distinct, thresholds);
  const score = rule === null ? null : scoreOf(rule.method, metrics, bins);
  if (rule === null || score === null) return { ...compared, status: 'no_rule' };
  return { ...compared, status: 'judged', ...rule, score, drifted: exceeds(rule, score) };
}

function compareMissing(reference: ColumnProfile, current: ColumnProfile, threshold: number): MissingDrift {
  const share = (column: ColumnProfile) => {
    const missing = column.nulls + (column.kind === 'numeric' ? column.nans : 0);
    return column.count === 0 ? 0 : missing / column.count;
  };
  const [p, q] = [share(reference), share(current)];
  const drifted = Math.abs(q - p) >= threshold && reference.count > 0 && current.count > 0;
  return { reference: p, current: q, difference: q - p, threshold, drifted };
}

function driftBins(reference: ColumnProfile, current: ColumnProfile, distinct: number, bins: number): DriftBin[] {
  if (reference.kind === 'categorical') return current.kind === 'categorical' ? categoryBins(reference, current) : [];
  if (current.kind === 'categorical') return [];
  return quantileBins(reference, current, { bins, distinct: reference.kind === 'numeric' && distinct <= 5 });
}

function measure(reference: ColumnProfile, current: ColumnProfile, bins: readonly DriftBin[]): DriftMetrics {
  const p = bins.map((bin) => bin.reference);
  const q = bins.map((bin) => bin.current);
  const ordered = reference.kind !== 'categorical' && current.kind !== 'categorical';
  const counts = [bins.map((bin) => bin.referenceCount), bins.map((bin) => bin.currentCount)] as const;
  return {
    psi: psi(p, q),
    jensenShannonDistance: jensenShannonDistance(p, q),
    jsDivergenceBase2: jsDivergenceBase2(p, q),
    hellinger: hellinger(p, q),
    totalVariation: totalVariation(p, q),
    linfinity: linfinity(p, q),
    chiSquarePValue: chiSquare(...counts).pValue,
    ks: ordered ? ksFromProfiles(reference, current) : null,
    wasserstein: ordered ? wassersteinFromProfiles(reference, current) : null,
    wassersteinNormalised: ordered ? wassersteinNormalisedFromProfiles(reference, current) : null,
  };
}

function chooseRule(reference: ColumnProfile, distinct: number, thresholds: DriftThresholds): DriftRule | null {
  const named = thresholds.columns?.[reference.name];
  if (named !== undefined) return named;
  if (reference.kind === 'timestamp') return null;
  const given = reference.kind === 'numeric' ? thresholds.numeric : thresholds.categorical;
  if (given !== undefined) return given;
  const continuous = reference.kind === 'numeric' && distinct > 5;
  if (validCount(reference) > 1000) {
    return { method: continuous ? 'wasserstein_normalised' : 'jensen_shannon', threshold: 0.1 };
  }
  if (continuous) return { method: 'ks_p_value', threshold: 0.05 };
  return { method: distinct > 2 ? 'chi_square' : 'z_p_value', threshold: 0.05 };
}

function scoreOf(method: DriftMethod, metrics: DriftMetrics, bins: readonly DriftBin[]): number | null {
  if (method === 'psi') return metrics.psi;
  if (method === 'jensen_shannon') return metrics.jensenShannonDistance;
  if (method === 'hellinger') return metrics.hellinger;
  if (method === 'total_variation') return metrics.totalVariation;
  if (method === 'linfinity') return metrics.linfinity;
  if (method === 'wasserstein_normalised') return metrics.wassersteinNormalised?.value ?? null;
  if (method === 'ks_p_value') return metrics.ks?.pValue ?? null;
  if (method === 'chi_square') return metrics.chiSquarePValue;
  return twoLevelPValue(bins);
}

/** The z test on the first level's share; with one level on both sides there is nothing to tell apart. */
function twoLevelPValue(bins: readonly DriftBin[]): number {
  const first = bins[0];
  if (first === undefined) return 1;
  const total = (side: 'referenceCount' | 'currentCount') => bins.reduce((sum, bin) => sum + bin[side], 0);
  return proportionsPValue(first.referenceCount, total('referenceCount'), first.currentCount, total('currentCount'));
}

function exceeds(rule: DriftRule, score: number): boolean {
  if (!pValueMethods.includes(rule.method)) return score >= rule.threshold;
  return rule.method === 'ks_p_value' ? score <= rule.threshold : score < rule.threshold;
}
