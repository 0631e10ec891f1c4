import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { MonitorRun } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import type { Database } from '@millrace/postgres';
import type { Meter, ObservableResult } from '@opentelemetry/api';
import { countOpenAlerts } from './store/alerts.ts';
import { listNewestRuns } from './store/runs.ts';
import { runToProto } from './translate.ts';

/** Figures of the newest window of each monitor, and open alerts, as metrics. */
export interface Gauges {
  /** Shows a judged window, unless a newer one of its monitor is shown. */
  show(run: MonitorRun): void;
  /** Begins, with what was judged before this process started. */
  start(): Promise<void>;
  /** Forgets a monitor. */
  forget(monitor: string): void;
  /** Ends them. */
  stop(): void;
}

/** Makes the gauges `millrace.monitoring.drift`, `….performance` and `….alerts.open`; at most `monitorsMax` monitors are shown. */
export function createGauges(meter: Meter, database: Database, monitorsMax: number): Gauges {
  const newest = new Map<string, MonitorRun>();
  const drift = meter.createObservableGauge('millrace.monitoring.drift', {
    description: 'Deciding distance of a column in the newest window of a monitor.',
  });
  const performance = meter.createObservableGauge('millrace.monitoring.performance', {
    description: 'Metric of the predictions in the newest window of a monitor.',
  });
  const alerts = meter.createObservableGauge('millrace.monitoring.alerts.open', {
    description: 'Alerts that are not resolved.',
  });
  const observeDrift = (result: ObservableResult) => {
    for (const { monitor, reports } of newest.values())
      for (const report of reports)
        for (const { column, method, value } of report.drift?.columns ?? [])
          result.observe(value, { monitor, model_version: report.modelVersion, column, method });
  };
  const observePerformance = (result: ObservableResult) => {
    for (const { monitor, reports } of newest.values())
      for (const report of reports)
        for (const [metric, value] of Object.entries(report.performance?.metrics ?? {}))
          result.observe(value, { monitor, model_version: report.modelVersion, metric });
  };
  const observeAlerts = async (result: ObservableResult) => {
    for (const { monitor, kind, count } of await countOpenAlerts(database)) result.observe(count, { monitor, kind });
  };
  const show = (run: MonitorRun) => {
    const shown = newest.get(run.monitor);
    const isOlder = shown?.windowEnd && run.windowEnd && timestampMs(shown.windowEnd) > timestampMs(run.windowEnd);
    if (!isOlder && (shown || newest.size < monitorsMax)) newest.set(run.monitor, run);
  };
  return {
    show,
    async start() {
      for (const row of await listNewestRuns(database, monitorsMax)) show(runToProto(row, undefined));
      drift.addCallback(observeDrift);
      performance.addCallback(observePerformance);
      alerts.addCallback(observeAlerts);
    },
    forget: (monitor) => void newest.delete(monitor),
    stop() {
      drift.removeCallback(observeDrift);
      performance.removeCallback(observePerformance);
      alerts.removeCallback(observeAlerts);
    },
  };
}
