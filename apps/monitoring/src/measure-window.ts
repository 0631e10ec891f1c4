import { runInWorker } from '@millrace/jobs';
import { sha256 } from '@millrace/kernel';
import { PREDICTION } from './domain/drift.ts';
import { type DriftRules, type Monitor, ROWS_MIN_DEFAULT } from './domain/monitor.ts';
import type { Span } from './log-index.ts';
import { type ReadDeps, type Window, withWindow } from './read-window.ts';
import type { Reference, ReferenceSource } from './reference.ts';
import type { DriftInput, Measured, MeasureInput, PerformanceInput } from './worker/measure.ts';

/** What measuring works with. */
export interface MeasureDeps extends ReadDeps {
  readonly references: ReferenceSource;
}

/** What is measured, and from when on. */
export interface MeasurePlan {
  readonly endpoint: string;
  readonly span: Span;
  /** Only this version; undefined: all. */
  readonly modelVersion?: string | undefined;
  /** Versions with fewer predictions are not measured. */
  readonly rowsMin: number;
  /** Performance is measured where at least this share of the truth is known, and some of it is. */
  readonly labelledShareMin: number;
  /** Undefined: drift is not measured. */
  readonly drift?: DriftRules | undefined;
}

/** The predictions of one model version in the window, measured. */
export interface VersionMeasure {
  readonly modelVersion: string;
  readonly rows: number;
  readonly labelledRows: number;
  readonly reference: Reference | undefined;
  readonly measured: Measured;
  readonly notes: readonly string[];
}

/** The plan of a monitor's window. */
export function planOf(monitor: Monitor, span: Span): MeasurePlan {
  const { endpoint, rowsMin = ROWS_MIN_DEFAULT, labelledShareMin, drift } = monitor;
  return { endpoint, span, rowsMin, labelledShareMin, drift };
}

type Prepared = Omit<VersionMeasure, 'measured'> & { readonly input: MeasureInput };

/** Reads a window and measures each model version's part of it; comparing and bootstrapping run in a worker thread. */
export async function measureWindow(
  deps: MeasureDeps,
  plan: MeasurePlan,
  signal: AbortSignal,
): Promise<VersionMeasure[]> {
  const prepared = await withWindow(deps, plan.endpoint, plan.span, signal, async (window) => {
    const found: Prepared[] = [];
    for (const { modelVersion, rows } of window.versions) {
      if (plan.modelVersion && plan.modelVersion !== modelVersion) continue;
      found.push(await prepare(deps, plan, window, modelVersion, rows, signal));
    }
    return found;
  });
  const inputs = prepared.map(({ input }) => input);
  const isIdle = inputs.every(({ drift, performance }) => !drift && !performance);
  const measured = isIdle
    ? inputs.map(() => ({}))
    : await runInWorker<Measured[], MeasureInput[]>(
        new URL('./worker/measure.ts', import.meta.url),
        'measure',
        inputs,
        {
          signal,
          transfer: inputs.flatMap(({ performance: p }) =>
            p ? [p.labels.buffer as ArrayBuffer, p.predictions.buffer as ArrayBuffer] : [],
          ),
        },
      );
  return prepared.map(({ input: _, ...rest }, i) => ({ ...rest, measured: measured[i] as Measured }));
}

async function prepare(
  deps: MeasureDeps,
  plan: MeasurePlan,
  window: Window,
  modelVersion: string,
  rows: number,
  signal: AbortSignal,
): Promise<Prepared> {
  const outcomes = await window.outcomes(modelVersion);
  const labelledRows = outcomes.labels.reduce((count, label) => count + (Number.isNaN(label) ? 0 : 1), 0);
  const base = { modelVersion, rows, labelledRows };
  if (rows < plan.rowsMin)
    return {
      ...base,
      reference: undefined,
      notes: [`Not judged: ${rows} predictions are fewer than the ${plan.rowsMin} that the monitor asks for.`],
      input: {},
    };
  const reference = await deps.references(modelVersion, signal);
  const notes: string[] = [];
  if (!reference) notes.push(`The registry does not have ${modelVersion}: drift and bounds were not judged.`);
  const drift = await prepareDrift(plan, window, modelVersion, reference, notes);
  const performance = preparePerformance(plan, base, outcomes, reference, notes);
  return { ...base, reference, notes, input: { drift, performance } };
}

async function prepareDrift(
  { drift: rules }: MeasurePlan,
  window: Window,
  modelVersion: string,
  reference: Reference | undefined,
  notes: string[],
): Promise<DriftInput | undefined> {
  if (!rules || !reference) return undefined;
  const { profile } = reference;
  if (!profile) {
    notes.push(`${modelVersion} has no training profile: drift was not judged.`);
    return undefined;
  }
  const schema = profile.columns.filter(
    ({ name }) => window.columns.includes(name) && !rules.ignoreColumns.includes(name),
  );
  if (schema.length === 0) {
    notes.push('The prediction log has no column of the training profile: drift was not judged.');
    return undefined;
  }
  if (!profile.columns.some(({ name }) => name === PREDICTION))
    notes.push('The training profile has no predictions: their drift was not judged.');
  const { relativeAccuracy, text: referenceText } = profile;
  const currentText = await window.profile(modelVersion, schema, relativeAccuracy);
  return { referenceText, currentText, schema, relativeAccuracy, rules };
}

function preparePerformance(
  plan: MeasurePlan,
  { modelVersion, rows, labelledRows }: { modelVersion: string; rows: number; labelledRows: number },
  outcomes: { labels: Float64Array; predictions: Float64Array },
  reference: Reference | undefined,
  notes: string[],
): PerformanceInput | undefined {
  const share = labelledRows / rows;
  if (labelledRows === 0 || share < plan.labelledShareMin) {
    notes.push(
      `Performance was not judged: the truth of ${labelledRows} of ${rows} predictions is known (${(share * 100).toFixed(1)} %), at least ${plan.labelledShareMin * 100} % are asked for.`,
    );
    return undefined;
  }
  if (!reference?.task) {
    notes.push(`Performance was not judged: the registry does not tell what ${modelVersion} predicts.`);
    return undefined;
  }
  return { task: reference.task, ...outcomes, seed: seedOf(plan, modelVersion) };
}

/** The same window of the same version is drawn alike each time. */
function seedOf({ endpoint, span }: MeasurePlan, modelVersion: string): number {
  const text = [endpoint, modelVersion, span.start?.toISOString(), span.end?.toISOString()].join('|');
  return Number.parseInt(sha256(text).slice('sha256:'.length, 'sha256:'.length + 8), 16);
}
