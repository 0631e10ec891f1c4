import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  AlertRaisedSchema,
  AlertResolvedSchema,
  DriftDetectedSchema,
  PerformanceDegradedSchema,
} from '@millrace/contracts/millrace/monitoring/v1/monitoring_events';
import { emitEvent } from '@millrace/events';
import type { JobContext } from '@millrace/jobs';
import { names, notFound } from '@millrace/kernel';
import type { Tx } from '@millrace/postgres';
import { type AlertKind, decideAlerts, type Judgement } from './domain/alerts.ts';
import { type BrokenBound, judgeBounds, referenceMetrics } from './domain/bounds.ts';
import { driftFigures, driftMessage } from './domain/drift.ts';
import type { Monitor } from './domain/monitor.ts';
import type { Gauges } from './gauges.ts';
import { type MeasureDeps, measureWindow, planOf, type VersionMeasure } from './measure-window.ts';
import { type AlertRow, extendAlert, insertAlert, listOpenAlerts, resolveAlert } from './store/alerts.ts';
import { newestJudged, replaceJudgements } from './store/judgements.ts';
import { findMonitor, lockMonitor } from './store/monitors.ts';
import { findRun, type RunRow, saveReport } from './store/runs.ts';
import {
  alertName,
  alertToProto,
  monitorOf,
  monitorToProto,
  reportToProto,
  runToDocument,
  runToProto,
} from './translate.ts';

/** What the job of a monitor run is given. */
export interface RunPayload {
  readonly workspace: string;
  readonly id: string;
}

/** What judging works with. */
export interface JudgeDeps extends MeasureDeps {
  readonly gauges: Gauges;
}

/** One model version of the window with everything that is said about it. */
interface Judged {
  readonly measure: VersionMeasure;
  readonly broken: readonly BrokenBound[];
  readonly notes: readonly string[];
  readonly verdicts: readonly Judgement[];
}

/** Judges a window: reads and measures it, then keeps report, alerts and events in one transaction. */
export async function judgeWindow(deps: JudgeDeps, context: JobContext<RunPayload>): Promise<void> {
  const { workspace, id } = context.payload;
  const run = await findRun(deps.database, workspace, id);
  if (!run) throw notFound('MonitorRun', names.monitorRun.format({ workspace, monitorRun: id }));
  const row = await findMonitor(deps.database, run.monitor);
  if (!row) throw notFound('Monitor', run.monitor);
  const monitor = monitorOf(monitorToProto(row));
  context.progress({ fraction: 0.1, message: 'reading the window' });
  const span = { start: run.windowStart, end: run.windowEnd };
  // The run keeps the endpoint that it was made for, also when the monitor has moved on.
  const plan = { ...planOf(monitor, span), endpoint: run.endpoint };
  const measures = await measureWindow(deps, plan, context.signal);
  const judged = measures.map((measure) => judgeVersion(monitor, measure));
  const rows = measures.reduce((sum, measure) => sum + measure.rows, 0);
  context.progress({
    fraction: 0.9,
    message: rows === 0 ? 'The window has no predictions.' : `${rows} predictions of ${measures.length} model versions`,
    rows,
  });
  const saved = await context.commit((tx) => commitReport(deps, tx, run, judged));
  deps.gauges.show(runToProto(saved, undefined));
}

function judgeVersion(monitor: Monitor, measure: VersionMeasure): Judged {
  const { modelVersion, reference } = measure;
  const { drift, performance } = measure.measured;
  const verdicts: Judgement[] = [];
  if (drift && drift.columns.length > 0)
    verdicts.push({
      kind: 'DRIFT',
      modelVersion,
      isOutOfBounds: drift.drifted,
      message: driftMessage(modelVersion, drift, monitor.drift),
      figures: driftFigures(drift),
    });
  if (!performance) return { measure, broken: [], notes: [], verdicts };
  const base = referenceMetrics(Object.keys(performance.metrics), reference?.metrics ?? {});
  const { broken, notes } = judgeBounds(monitor.bounds, performance.metrics, base);
  verdicts.push({
    kind: 'PERFORMANCE',
    modelVersion,
    isOutOfBounds: broken.length > 0,
    message: `${modelVersion} is out of bounds on ${performance.rows} predictions: ${broken.map(({ text }) => text).join('; ')}.`,
    figures: Object.fromEntries(
      broken.flatMap(({ metric, value, limit }) => [
        [metric, value],
        [`${metric}_bound`, limit],
        ...(base[metric] === undefined ? [] : [[`${metric}_reference`, base[metric]]]),
      ]),
    ),
  });
  return { measure, broken, notes, verdicts };
}

/** Keeps what was found. The monitor's row is locked, so windows of a monitor change its alerts one after the other. */
async function commitReport(deps: JudgeDeps, tx: Tx, run: RunRow, judged: readonly Judged[]): Promise<RunRow> {
  if (!(await lockMonitor(tx, run.monitor))) throw notFound('Monitor', run.monitor);
  const verdicts = judged.flatMap((one) => one.verdicts);
  await replaceJudgements(tx, run, verdicts);
  const open = await listOpenAlerts(tx, run.monitor);
  const changes = decideAlerts({
    windowEnd: run.windowEnd,
    judgements: verdicts,
    versionsInWindow: judged.map(({ measure }) => measure.modelVersion),
    open,
    newestJudged: await newestJudged(tx, run.monitor),
  });
  const now = deps.platform.clock.now();
  const runName = names.monitorRun.format({ workspace: run.workspace, monitorRun: run.id });
  for (const verdict of verdicts) if (verdict.isOutOfBounds) await emitVerdict(tx, run, runName, verdict, judged);
  const alerts: string[] = [];
  for (const id of changes.extend) {
    await extendAlert(tx, id, run.windowEnd);
    alerts.push(alertName({ workspace: run.workspace, id }));
  }
  for (const verdict of changes.raise) {
    const alert = newAlert(deps, run, runName, verdict, now);
    await insertAlert(tx, alert);
    await emitEvent(tx, {
      subject: 'millrace.monitoring.v1.alert.raised',
      resource: run.monitor,
      schema: AlertRaisedSchema,
      message: { alert: alertToProto(alert) },
    });
    alerts.push(alertName(alert));
  }
  for (const id of changes.resolve) await resolve(tx, id, now);
  const reports = judged.map(({ measure, broken, notes }) => reportToProto(measure, { broken, notes }));
  const document = runToDocument(reports, alerts);
  await saveReport(tx, run, document);
  return { ...run, document };
}

function newAlert(deps: JudgeDeps, run: RunRow, monitorRun: string, verdict: Judgement, now: Date): AlertRow {
  const { kind, modelVersion, message, figures } = verdict;
  return {
    id: deps.platform.ids.next(),
    workspace: run.workspace,
    monitor: run.monitor,
    endpoint: run.endpoint,
    modelVersion,
    kind,
    state: 'OPEN',
    message,
    figures,
    monitorRun,
    windowStart: run.windowStart,
    windowEnd: run.windowEnd,
    lastWindowEnd: run.windowEnd,
    createdAt: now,
    resolvedAt: null,
    acknowledgedBy: '',
  };
}

/** Resolves an alert and tells of it. */
export async function resolve(tx: Tx, id: string, now: Date): Promise<void> {
  const alert = await resolveAlert(tx, id, now);
  await emitEvent(tx, {
    subject: 'millrace.monitoring.v1.alert.resolved',
    resource: alert.monitor,
    schema: AlertResolvedSchema,
    message: { alert: alertToProto(alert) },
  });
}

async function emitVerdict(
  tx: Tx,
  run: RunRow,
  monitorRun: string,
  { kind, modelVersion }: { kind: AlertKind; modelVersion: string },
  judged: readonly Judged[],
): Promise<void> {
  const one = judged.find(({ measure }) => measure.modelVersion === modelVersion);
  const facts = { monitor: run.monitor, monitorRun, modelVersion, windowEnd: timestampFromDate(run.windowEnd) };
  if (kind === 'DRIFT') {
    const columns = one?.measure.measured.drift?.columns.filter(({ drifted }) => drifted) ?? [];
    await emitEvent(tx, {
      subject: 'millrace.monitoring.v1.drift.detected',
      resource: run.monitor,
      schema: DriftDetectedSchema,
      message: { ...facts, columns: columns.map(({ column }) => column) },
    });
    return;
  }
  await emitEvent(tx, {
    subject: 'millrace.monitoring.v1.performance.degraded',
    resource: run.monitor,
    schema: PerformanceDegradedSchema,
    message: { ...facts, metrics: Object.fromEntries((one?.broken ?? []).map(({ metric, value }) => [metric, value])) },
  });
}
