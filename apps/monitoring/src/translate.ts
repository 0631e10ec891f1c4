import { create, fromJson, type JsonValue, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { type Duration, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type AlertSchema,
  AlertState,
  type GroundTruth,
  type Monitor as MonitorMessage,
  type MonitorRun,
  MonitorRunSchema,
  MonitorSchema,
  type WindowReportSchema,
} from '@millrace/contracts/millrace/monitoring/v1/monitor';
import type { JobRow } from '@millrace/jobs';
import { toExecution } from '@millrace/jobs';
import { names } from '@millrace/kernel';
import { type BrokenBound, referenceMetrics } from './domain/bounds.ts';
import type { DriftFinding } from './domain/drift.ts';
import type { Performance } from './domain/metrics.ts';
import {
  DRIFTED_SHARE_DEFAULT,
  LABELLED_SHARE_MIN_DEFAULT,
  type Monitor,
  type MonitorMethod,
  type PerformanceBound,
  ROWS_MIN_DEFAULT,
} from './domain/monitor.ts';
import type { VersionMeasure } from './measure-window.ts';
import type { AlertRow } from './store/alerts.ts';
import type { TruthColumns } from './store/ground-truth.ts';
import type { MonitorRow } from './store/monitors.ts';
import type { RunRow } from './store/runs.ts';

type Init<T extends Parameters<typeof create>[0]> = MessageInitShape<T>;

/** A monitor's row as a message. */
export function monitorToProto(row: MonitorRow): MonitorMessage {
  return { ...fromJson(MonitorSchema, row.document), etag: row.etag };
}

/** A monitor as a row's document: without its etag. */
export function monitorToDocument(monitor: MonitorMessage): JsonValue {
  return toJson(MonitorSchema, create(MonitorSchema, { ...monitor, etag: '' }));
}

/** What a monitor asks, its defaults filled in. */
export function monitorOf(message: MonitorMessage): Monitor {
  const { drift, performance } = message;
  return {
    name: message.name,
    endpoint: message.endpoint,
    windowMs: millisecondsOf(message.window),
    windowOffsetMs: millisecondsOf(message.windowOffset),
    rowsMin: Number(message.rowsMin) || ROWS_MIN_DEFAULT,
    drift: {
      method: (drift?.method || undefined) as MonitorMethod | undefined,
      threshold: drift?.threshold,
      thresholdByColumn: { ...drift?.thresholdByColumn },
      driftedShare: drift?.driftedShare ?? DRIFTED_SHARE_DEFAULT,
      ignoreColumns: [...(drift?.ignoreColumns ?? [])],
    },
    bounds: (performance?.bounds ?? []).map(
      ({ metric, minValue, maxValue, worseByMax }): PerformanceBound => ({
        metric,
        ...(minValue !== undefined && { minValue }),
        ...(maxValue !== undefined && { maxValue }),
        ...(worseByMax !== undefined && { worseByMax }),
      }),
    ),
    labelledShareMin: performance?.labelledShareMin ?? LABELLED_SHARE_MIN_DEFAULT,
  };
}

/** What was measured of a model version's part of a window, as a message. */
export function reportToProto(
  measure: VersionMeasure,
  judged: { readonly broken: readonly BrokenBound[]; readonly notes: readonly string[] } = { broken: [], notes: [] },
): Init<typeof WindowReportSchema> {
  const { drift, performance } = measure.measured;
  return {
    modelVersion: measure.modelVersion,
    rows: BigInt(measure.rows),
    labelledRows: BigInt(measure.labelledRows),
    ...(drift && { drift: driftToProto(drift) }),
    ...(performance && {
      performance: performanceToProto(performance, measure.reference?.metrics ?? {}, judged.broken),
    }),
    notes: [...measure.notes, ...(drift?.notes ?? []), ...(performance?.notes ?? []), ...judged.notes],
  };
}

function driftToProto({ columns, driftedShare, drifted }: DriftFinding) {
  return {
    columns: columns.map((column) => ({ ...column, distances: { ...column.distances } })),
    driftedShare,
    drifted,
  };
}

function performanceToProto(
  performance: Performance,
  versionMetrics: Readonly<Record<string, number>>,
  broken: readonly BrokenBound[],
) {
  const intervals = Object.entries(performance.intervals).map(([name, interval]) => [name, { ...interval }] as const);
  return {
    metrics: { ...performance.metrics },
    intervals: Object.fromEntries(intervals),
    referenceMetrics: referenceMetrics(Object.keys(performance.metrics), versionMetrics),
    calibration: performance.calibration.map(({ predicted, observed, rows }) => ({
      predicted,
      observed,
      rows: BigInt(rows),
    })),
    brokenBounds: broken.map(({ metric }) => metric),
  };
}

/** A run's reports and alerts as a row's document. */
export function runToDocument(
  reports: readonly Init<typeof WindowReportSchema>[],
  alerts: readonly string[],
): JsonValue {
  return toJson(MonitorRunSchema, create(MonitorRunSchema, { reports: [...reports], alerts: [...alerts] }));
}

/** A run's row as a message, with how far its job has come. */
export function runToProto(row: RunRow, job: JobRow | undefined): MonitorRun {
  const judged = fromJson(MonitorRunSchema, row.document ?? {});
  return create(MonitorRunSchema, {
    name: names.monitorRun.format({ workspace: row.workspace, monitorRun: row.id }),
    monitor: row.monitor,
    windowStart: timestampFromDate(row.windowStart),
    windowEnd: timestampFromDate(row.windowEnd),
    ...(job && { execution: toExecution(job) }),
    reports: judged.reports,
    alerts: judged.alerts,
  });
}

/** An alert's resource name. */
export function alertName({ workspace, id }: Pick<AlertRow, 'workspace' | 'id'>): string {
  return names.alert.format({ workspace, alert: id });
}

/** An alert's row as a message. */
export function alertToProto(row: AlertRow): Init<typeof AlertSchema> {
  return {
    name: alertName(row),
    monitor: row.monitor,
    endpoint: row.endpoint,
    modelVersion: row.modelVersion,
    kind: row.kind,
    state: AlertState[row.state],
    message: row.message,
    figures: { ...row.figures },
    monitorRun: row.monitorRun,
    windowStart: timestampFromDate(row.windowStart),
    windowEnd: timestampFromDate(row.windowEnd),
    createTime: timestampFromDate(row.createdAt),
    ...(row.resolvedAt && { resolveTime: timestampFromDate(row.resolvedAt) }),
    acknowledgedBy: row.acknowledgedBy,
  };
}

/** Labels by column; a label without a time became known `now`. */
export function truthColumns(truths: readonly GroundTruth[], now: Date): TruthColumns {
  const nowMicros = now.getTime() * 1000;
  return {
    predictionIds: truths.map(({ predictionId }) => predictionId),
    labels: truths.map(({ label }) => label),
    availableMicros: truths.map(({ availableTime: time }) =>
      time ? Number(time.seconds) * 1_000_000 + Math.floor(time.nanos / 1000) : nowMicros,
    ),
  };
}

/** A message's time, or null where it is not set. */
export function dateOf(time: Parameters<typeof timestampDate>[0] | undefined): Date | null {
  return time ? timestampDate(time) : null;
}

function millisecondsOf(duration: Duration | undefined): number {
  return duration ? Number(duration.seconds) * 1000 + duration.nanos / 1_000_000 : 0;
}
