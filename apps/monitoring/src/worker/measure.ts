import type { WorkerContext } from '@millrace/jobs';
import { type ColumnSchema, profileFromJson, profileSql } from '@millrace/profiles';
import { type DriftFinding, judgeDrift } from '../domain/drift.ts';
import { measurePerformance, type Performance, type Task } from '../domain/metrics.ts';
import type { DriftRules } from '../domain/monitor.ts';

/** A window's profile as the table engine gave it, and what to compare it with. */
export interface DriftInput {
  /** The training profile's JSON text. */
  readonly referenceText: string;
  /** The answer of the query that `profileSql` made for `schema` and `relativeAccuracy`. */
  readonly currentText: string;
  readonly schema: readonly ColumnSchema[];
  readonly relativeAccuracy: number;
  readonly rules: DriftRules;
}

/** Predictions of a model version with their truth, NaN where it is not known. */
export interface PerformanceInput {
  readonly task: Task;
  readonly labels: Float64Array;
  readonly predictions: Float64Array;
  readonly seed: number;
}

/** The part of a window that one model version has answered. */
export interface MeasureInput {
  readonly drift?: DriftInput | undefined;
  readonly performance?: PerformanceInput | undefined;
}

/** What was measured of it. */
export interface Measured {
  readonly drift?: DriftFinding | undefined;
  readonly performance?: Performance | undefined;
}

/** Compares profiles and bootstraps metrics. Runs in a worker thread: both would block the event loop. */
export function measure(inputs: readonly MeasureInput[], context: WorkerContext<number>): Measured[] {
  return inputs.map(({ drift, performance }) => {
    context.signal.throwIfAborted();
    return {
      drift: drift && measureDrift(drift),
      performance:
        performance &&
        measurePerformance(performance.task, performance.labels, performance.predictions, performance.seed),
    };
  });
}

function measureDrift(input: DriftInput): DriftFinding {
  const { schema, relativeAccuracy, rules } = input;
  const current = profileSql(schema, { from: '', relativeAccuracy }).decode(input.currentText);
  return judgeDrift(profileFromJson(input.referenceText), current, rules);
}
