import { type ColumnDrift, compareColumns, type DriftMetrics, type TableProfile } from '@millrace/profiles';
import { show } from './bounds.ts';
import { type DriftRules, type MonitorMethod, THRESHOLD_DEFAULT } from './monitor.ts';

/** The column of a model version's profile and of the log that holds predictions. */
export const PREDICTION = 'prediction';

/** The verdict on one column. */
export interface ColumnFinding {
  readonly column: string;
  /** The distance that decided: a key of `distances`, or `null_share` where only missing values have changed. */
  readonly method: string;
  readonly value: number;
  readonly threshold: number;
  readonly drifted: boolean;
  readonly distances: Readonly<Record<string, number>>;
  readonly nullShareChange: number;
}

/** Drift of a window. */
export interface DriftFinding {
  readonly columns: readonly ColumnFinding[];
  /** Share of judged columns that have drifted; 0 where none was judged. */
  readonly driftedShare: number;
  readonly drifted: boolean;
  readonly notes: readonly string[];
}

/** Reads a column's verdict from its measures. p-values mean drift at or below their threshold, distances at or above. */
const METHODS: Readonly<Record<string, { of(m: DriftMetrics): number | undefined; isPValue?: boolean }>> = {
  psi: { of: (m) => m.psi },
  jensenshannon: { of: (m) => m.jensenShannonDistance },
  wasserstein_normalised: { of: (m) => m.wassersteinNormalised?.value },
  ks: { of: (m) => m.ks?.value },
  ks_p_value: { of: (m) => m.ks?.pValue, isPValue: true },
  chi_square_p_value: { of: (m) => m.chiSquarePValue, isPValue: true },
};

/** Names of the library's default methods among a column's distances. */
const DEFAULTS: Readonly<Record<string, string>> = {
  wasserstein_normalised: 'wasserstein_normalised',
  jensen_shannon: 'jensenshannon',
  ks_p_value: 'ks_p_value',
  chi_square: 'chi_square_p_value',
  z_p_value: 'z_p_value',
};

/** The distance that takes the place of a p-value where the monitor gives a bound: a bound is one for distances. */
const DISTANCE_OF: Readonly<Record<string, string>> = {
  ks_p_value: 'wasserstein_normalised',
  chi_square_p_value: 'jensenshannon',
  z_p_value: 'jensenshannon',
};

/** Compares a window's profile with the training profile, column by column. Columns that the window lacks are told in notes. */
export function judgeDrift(reference: TableProfile, current: TableProfile, rules: DriftRules): DriftFinding {
  const currentByName = new Map(current.columns.map((column) => [column.name, column]));
  const columns: ColumnFinding[] = [];
  const notes: string[] = [];
  for (const column of reference.columns) {
    if (rules.ignoreColumns.includes(column.name)) continue;
    const compared = compareColumns(column, currentByName.get(column.name));
    const found = decideColumn(compared, rules);
    if (found) columns.push(found);
    else notes.push(`Column ${column.name} was not judged: ${WHY[compared.status] ?? compared.status}.`);
    if (found && compared.missing?.drifted)
      notes.push(
        `Missing values of ${column.name} went from ${percent(compared.missing.reference)} to ${percent(compared.missing.current)}.`,
      );
  }
  const drifted = columns.filter((column) => column.drifted).length;
  const driftedShare = columns.length === 0 ? 0 : drifted / columns.length;
  return { columns, driftedShare, drifted: drifted > 0 && driftedShare >= rules.driftedShare, notes };
}

const WHY: Readonly<Record<string, string>> = {
  too_few_rows: 'fewer than 30 values on one side',
  no_rule: 'times move on, so they have no distance',
  missing_column: 'the prediction log does not have it',
  type_changed: 'it has another type in the prediction log',
};

/**
 * The verdict on a column, or undefined where there is none. Without a method and a bound, type and size of the reference
 * decide as `DriftThresholds` of @millrace/profiles says (for small references tests with p < 0.05). A bound without a
 * method is one for the distance that large references are judged by. `wasserstein` and `ks` need an order; texts are
 * judged by `jensenshannon` in their place. Missing values that went up or down by 0.1 are drift as well.
 */
export function decideColumn(compared: ColumnDrift, rules: DriftRules): ColumnFinding | undefined {
  const { column, metrics, missing } = compared;
  const nullShareChange = missing?.difference ?? 0;
  const base = { column, distances: metrics ? distancesOf(metrics, compared) : {}, nullShareChange };
  const byMissing = missing?.drifted
    ? { ...base, method: 'null_share', value: Math.abs(nullShareChange), threshold: missing.threshold, drifted: true }
    : undefined;
  if (metrics === null || compared.status !== 'judged' || compared.method === null) return byMissing;
  const bound = rules.thresholdByColumn[column] ?? rules.threshold;
  const method = methodOf(compared, rules.method, bound !== undefined);
  const value = base.distances[method];
  if (value === undefined) return byMissing;
  const isPValue = method.endsWith('_p_value');
  const threshold = isPValue ? (compared.threshold ?? 0.05) : (bound ?? THRESHOLD_DEFAULT);
  const drifted = isPValue ? compared.drifted : value >= threshold;
  if (!drifted && byMissing) return byMissing;
  return { ...base, method, value, threshold, drifted };
}

function methodOf(compared: ColumnDrift, asked: MonitorMethod | undefined, isBounded: boolean): string {
  const hasOrder = compared.metrics?.ks != null;
  if (asked === 'psi' || asked === 'jensenshannon') return asked;
  if (asked !== undefined) return hasOrder ? (asked === 'ks' ? 'ks' : 'wasserstein_normalised') : 'jensenshannon';
  const chosen = DEFAULTS[compared.method ?? ''] ?? 'jensenshannon';
  return isBounded ? (DISTANCE_OF[chosen] ?? chosen) : chosen;
}

/** All measures that the column has, by name. `wasserstein` is in the column's own unit, `wasserstein_normalised` in the reference's deviations. */
function distancesOf(m: DriftMetrics, compared: ColumnDrift): Record<string, number> {
  const found: Record<string, number> = {
    hellinger: m.hellinger,
    total_variation: m.totalVariation,
    linfinity: m.linfinity,
  };
  for (const [name, method] of Object.entries(METHODS)) {
    const value = method.of(m);
    if (value !== undefined) found[name] = value;
  }
  if (m.wasserstein) found.wasserstein = m.wasserstein.value;
  if (compared.method === 'z_p_value' && compared.score !== null) found.z_p_value = compared.score;
  return found;
}

/** What an alert about drift says. */
export function driftMessage(modelVersion: string, finding: DriftFinding, rules: DriftRules): string {
  const drifted = finding.columns.filter((column) => column.drifted);
  const named = [...drifted]
    .sort((a, b) => b.value / b.threshold - a.value / a.threshold)
    .slice(0, 5)
    .map(({ column, method, value, threshold }) => `${column} (${method} ${show(value)}, bound ${show(threshold)})`);
  const more = drifted.length > named.length ? ` and ${drifted.length - named.length} more` : '';
  return `${drifted.length} of ${finding.columns.length} columns (${percent(finding.driftedShare)}, bound ${percent(rules.driftedShare)}) have drifted from the training rows of ${modelVersion}: ${named.join(', ')}${more}.`;
}

/** What an alert about drift has measured: the deciding value of each drifted column and `drifted_share`. */
export function driftFigures(finding: DriftFinding): Record<string, number> {
  const drifted = finding.columns.filter((column) => column.drifted);
  return { drifted_share: finding.driftedShare, ...Object.fromEntries(drifted.map((c) => [c.column, c.value])) };
}

function percent(share: number): string {
  return `${show(share * 100)} %`;
}
