import { AlertState } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import type { MonitoringService } from '@millrace/contracts/millrace/monitoring/v1/monitoring_service';
import { enqueueJob, getJob, watchJob } from '@millrace/jobs';
import { type FieldViolation, invalidArgument, names, notFound } from '@millrace/kernel';
import { decodePageToken, encodePageToken } from '@millrace/postgres';
import type { ServiceImpl } from '@millrace/rpc';
import { WINDOW_MAX_MS } from './domain/monitor.ts';
import type { JudgeDeps, RunPayload } from './judge-window.ts';
import { measureWindow } from './measure-window.ts';
import { createMonitorHandlers, requireMonitor } from './monitors.ts';
import { type AlertStateText, acknowledgeAlert, findAlert, listAlerts } from './store/alerts.ts';
import { upsertGroundTruth } from './store/ground-truth.ts';
import { findRun, insertRun, listCurrentRuns, listRuns, type RunRow } from './store/runs.ts';
import {
  alertToProto,
  dateOf,
  monitorOf,
  monitorToProto,
  reportToProto,
  runToProto,
  truthColumns,
} from './translate.ts';

const PAGE_DEFAULT = 100;
/** Attempts of a run: registry or serving may be away for a while. */
const ATTEMPTS_MAX = 5;

/** The handlers of MonitoringService. */
export function createService(deps: JudgeDeps): ServiceImpl<typeof MonitoringService> {
  const { database, platform } = deps;

  const runOf = async (row: RunRow) => runToProto(row, await getJob(database, row.id));
  const requireRun = async (name: string) => {
    const { workspace, monitorRun } = names.monitorRun.parse(name);
    const row = await findRun(database, workspace, monitorRun);
    if (!row) throw notFound('MonitorRun', name);
    return row;
  };

  return {
    ...createMonitorHandlers(deps),

    async createMonitorRun({ monitor: name, windowStart, windowEnd, requestId }, { signal }) {
      const { workspace } = names.monitor.parse(name, 'monitor');
      const monitor = monitorOf(monitorToProto(await requireMonitor(database, name)));
      const start = dateOf(windowStart) as Date;
      const end = dateOf(windowEnd) ?? new Date(start.getTime() + monitor.windowMs);
      checkWindow(start, end);
      await deps.logIndex.requireEndpoint(monitor.endpoint, signal);
      const now = platform.clock.now();
      const row = await database.withTransaction(async (tx) => {
        const id = platform.ids.next();
        const { endpoint } = monitor;
        const span = { windowStart: start, windowEnd: end };
        const run = await insertRun(tx, { id, workspace, monitor: name, endpoint, ...span, requestId, createdAt: now });
        const payload: RunPayload = { workspace, id: run.id };
        const resource = names.monitorRun.format({ workspace, monitorRun: run.id });
        await enqueueJob(tx, { id: run.id, kind: 'monitor-run', resource, payload, maxAttempts: ATTEMPTS_MAX });
        return run;
      });
      return { monitorRun: await runOf(row) };
    },
    async getMonitorRun({ name }) {
      return { monitorRun: await runOf(await requireRun(name)) };
    },
    async listMonitorRuns({ parent, pageSize, pageToken, monitor }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      if (monitor) names.monitor.parse(monitor, 'monitor');
      const limit = pageSize || PAGE_DEFAULT;
      const rows = await listRuns(database, { workspace, monitor, before: idOf(pageToken) }, limit + 1);
      const monitorRuns = await Promise.all(rows.slice(0, limit).map(runOf));
      return { monitorRuns, nextPageToken: nextToken(rows, limit) };
    },
    async *watchMonitorRun({ name }, { signal }) {
      const { id } = await requireRun(name);
      for await (const job of watchJob(database, id, signal))
        yield { monitorRun: runToProto(await requireRun(name), job) };
    },

    async recordGroundTruth({ endpoint, groundTruths }, { signal }) {
      names.endpoint.parse(endpoint, 'endpoint');
      checkLabels(groundTruths.map(({ label }) => label));
      await deps.logIndex.requireEndpoint(endpoint, signal);
      const truth = truthColumns(groundTruths, platform.clock.now());
      return { recorded: BigInt(await upsertGroundTruth(database, endpoint, truth)) };
    },

    async getDriftReport({ monitor, windowsMax }) {
      names.monitor.parse(monitor, 'monitor');
      await requireMonitor(database, monitor);
      const rows = await listCurrentRuns(database, monitor, windowsMax || 1);
      return { monitorRuns: await Promise.all(rows.map(runOf)) };
    },
    async getPerformance({ endpoint, startTime, endTime, modelVersion }, { signal }) {
      names.endpoint.parse(endpoint, 'endpoint');
      if (modelVersion) names.modelVersion.parse(modelVersion, 'model_version');
      const span = { start: dateOf(startTime), end: dateOf(endTime) };
      if (span.start && span.end && span.start >= span.end)
        throw invalidArgument('WINDOW_INVALID', [{ field: 'end_time', description: 'must be after start_time.' }]);
      await deps.logIndex.requireEndpoint(endpoint, signal);
      const plan = { endpoint, span, modelVersion: modelVersion || undefined, rowsMin: 1, labelledShareMin: 0 };
      const measures = await measureWindow(deps, plan, signal);
      return { reports: measures.map((measure) => reportToProto(measure)) };
    },

    async getAlert({ name }) {
      const { workspace, alert } = names.alert.parse(name);
      const row = await findAlert(database, workspace, alert);
      if (!row) throw notFound('Alert', name);
      return { alert: alertToProto(row) };
    },
    async listAlerts({ parent, pageSize, pageToken, state }) {
      const { workspace } = names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const filter = { workspace, state: stateText(state), before: idOf(pageToken) };
      const rows = await listAlerts(database, filter, limit + 1);
      return { alerts: rows.slice(0, limit).map(alertToProto), nextPageToken: nextToken(rows, limit) };
    },
    async acknowledgeAlert({ name, actor }) {
      const { workspace, alert } = names.alert.parse(name);
      const row = await acknowledgeAlert(database, workspace, alert, actor);
      if (!row) throw notFound('Alert', name);
      return { alert: alertToProto(row) };
    },
  };
}

function checkWindow(start: Date, end: Date): void {
  const lengthMs = end.getTime() - start.getTime();
  if (lengthMs > 0 && lengthMs <= WINDOW_MAX_MS) return;
  throw invalidArgument('WINDOW_INVALID', [
    {
      field: 'window_end',
      description: `${end.toISOString()} must be after window_start ${start.toISOString()}, by at most 366 days.`,
      reason: 'WINDOW_INVALID',
    },
  ]);
}

/** All labels that are no numbers, at once (the first hundred). */
function checkLabels(labels: readonly number[]): void {
  const violations: FieldViolation[] = [];
  for (const [i, label] of labels.entries())
    if (!Number.isFinite(label) && violations.length < 100)
      violations.push({
        field: `ground_truths[${i}].label`,
        description: `must be a finite number, is ${label}; leave out what is not known.`,
        reason: 'LABEL_INVALID',
      });
  if (violations.length > 0) throw invalidArgument('LABEL_INVALID', violations);
}

function stateText(state: AlertState): AlertStateText | '' {
  return state === AlertState.UNSPECIFIED ? '' : (AlertState[state] as AlertStateText);
}

function idOf(pageToken: string): string {
  return pageToken ? String(decodePageToken(pageToken)[0]) : '';
}

function nextToken(rows: readonly { readonly id: string }[], limit: number): string {
  return rows.length > limit ? encodePageToken([rows[limit - 1]?.id]) : '';
}
