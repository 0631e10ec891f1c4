import type { FieldViolation } from '@millrace/kernel';
import { METRIC_NAMES, METRICS } from './metrics.ts';

/** Windows with fewer predictions are not judged, unless the monitor says otherwise. */
export const ROWS_MIN_DEFAULT = 500;
/** A column has drifted from this distance on, unless the monitor says otherwise. */
export const THRESHOLD_DEFAULT = 0.1;
/** Share of drifted columns that is an alert, unless the monitor says otherwise (Evidently's default). */
export const DRIFTED_SHARE_DEFAULT = 0.5;
/** Share of a window's predictions whose truth must be known, unless the monitor says otherwise. */
export const LABELLED_SHARE_MIN_DEFAULT = 0.8;
/** Longest window. */
export const WINDOW_MAX_MS = 366 * 86_400_000;

/** Distances that a monitor can ask for; each also stands under this name among a column's distances. */
export type MonitorMethod = 'jensenshannon' | 'wasserstein' | 'psi' | 'ks';

/** Bounds for drift. */
export interface DriftRules {
  /** Undefined: by type and size of the reference (see `decideColumn`). */
  readonly method: MonitorMethod | undefined;
  readonly threshold: number | undefined;
  readonly thresholdByColumn: Readonly<Record<string, number>>;
  readonly driftedShare: number;
  readonly ignoreColumns: readonly string[];
}

/** A bound for one metric. */
export interface PerformanceBound {
  readonly metric: string;
  readonly minValue?: number;
  readonly maxValue?: number;
  /** Largest amount by which it may be worse than on the model version's test rows. */
  readonly worseByMax?: number;
}

/** What a monitor asks, with its defaults filled in. */
export interface Monitor {
  readonly name: string;
  readonly endpoint: string;
  readonly windowMs: number;
  readonly windowOffsetMs: number;
  readonly rowsMin: number;
  readonly drift: DriftRules;
  readonly bounds: readonly PerformanceBound[];
  readonly labelledShareMin: number;
}

/** Everything that is wrong with a monitor's figures, all at once. */
export function checkMonitor(monitor: Monitor): FieldViolation[] {
  const { drift } = monitor;
  const found: FieldViolation[] = [];
  const ask = (holds: boolean, field: string, description: string) => {
    if (!holds) found.push({ field: `monitor.${field}`, description, reason: 'OUT_OF_BOUNDS' });
  };
  const isShare = (value: number) => value >= 0 && value <= 1;
  ask(
    monitor.windowMs > 0 && monitor.windowMs <= WINDOW_MAX_MS,
    'window',
    `must be longer than 0 s and at most 366 days, is ${monitor.windowMs / 1000} s.`,
  );
  ask(
    monitor.windowOffsetMs >= 0 && monitor.windowOffsetMs < Math.max(monitor.windowMs, 1),
    'window_offset',
    'must be at least 0 s and shorter than the window.',
  );
  ask(monitor.rowsMin >= 1, 'rows_min', `must be at least 1, is ${monitor.rowsMin}; leave it out for 500.`);
  ask(isThreshold(drift.threshold ?? 1), 'drift.threshold', `must be above 0, is ${drift.threshold}.`);
  for (const [column, threshold] of Object.entries(drift.thresholdByColumn))
    ask(isThreshold(threshold), `drift.threshold_by_column["${column}"]`, `must be above 0, is ${threshold}.`);
  ask(
    drift.driftedShare > 0 && drift.driftedShare <= 1,
    'drift.drifted_share',
    `must be above 0 and at most 1, is ${drift.driftedShare}.`,
  );
  ask(
    isShare(monitor.labelledShareMin),
    'performance.labelled_share_min',
    `must lie between 0 and 1, is ${monitor.labelledShareMin}.`,
  );
  for (const [i, bound] of monitor.bounds.entries()) found.push(...checkBound(monitor.bounds, bound, i));
  return found;
}

function checkBound(all: readonly PerformanceBound[], bound: PerformanceBound, i: number): FieldViolation[] {
  const field = `monitor.performance.bounds[${i}]`;
  const found: FieldViolation[] = [];
  const { metric, minValue, maxValue, worseByMax } = bound;
  if (!(metric in METRICS))
    found.push({
      field: `${field}.metric`,
      description: `"${metric}" is not a metric; use one of ${METRIC_NAMES.join(', ')}.`,
      reason: 'UNKNOWN_METRIC',
    });
  if (all.findIndex((other) => other.metric === metric) < i)
    found.push({
      field: `${field}.metric`,
      description: `"${metric}" has a bound already.`,
      reason: 'DUPLICATE_METRIC',
    });
  if (minValue === undefined && maxValue === undefined && worseByMax === undefined)
    found.push({
      field,
      description: 'has no bound; set min_value, max_value or worse_by_max.',
      reason: 'BOUND_EMPTY',
    });
  for (const [name, value] of Object.entries({ min_value: minValue, max_value: maxValue, worse_by_max: worseByMax }))
    if (value !== undefined && (!Number.isFinite(value) || (name === 'worse_by_max' && value < 0)))
      found.push({ field: `${field}.${name}`, description: `must be a number, is ${value}.`, reason: 'OUT_OF_BOUNDS' });
  return found;
}

function isThreshold(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}
