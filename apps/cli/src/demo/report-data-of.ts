import { availableParallelism, totalmem } from 'node:os';
import type { Facts } from './figures.ts';
import { shortName, timeText } from './figures.ts';
import type {
  ReportCalibration,
  ReportData,
  ReportDriftColumn,
  ReportImportance,
  ReportRoc,
  ReportStep,
} from './report/report-data.ts';
import type { ToldRun } from './runs.ts';
import { storyOf } from './story-text.ts';
import type { Journey, Summary } from './summary.ts';

/** Puts the page's data together. */
export function reportDataOf(summary: Summary, journey: Journey, facts: Facts): ReportData {
  return {
    title: 'Flight delays: half a year with Millrace',
    subtitle: 'US flights from January to June 2001, from the raw file to a watched and retrained model.',
    generatedTime: new Date().toISOString(),
    revision: facts.modelVersions.at(-1)?.lineage?.codeRevision,
    machine: {
      cores: availableParallelism(),
      memoryMib: Math.round(totalmem() / 1024 ** 2),
      platform: `${process.platform} ${process.arch}`,
    },
    totalSeconds: summary.seconds,
    peakRssMib: summary.peakRssMib,
    retrained: summary.retrained,
    story: storyOf(summary, journey, facts),
    steps: timeline(journey),
    datasetVersions: facts.datasetVersions,
    deadLettersByRule: facts.deadLettersByRule,
    modelVersions: modelVersions(facts),
    roc: roc(facts),
    calibrationByModel: calibration(facts),
    importances: importances(facts),
    promotion: facts.promotions.map((promotion) => ({
      version: shortName(promotion.modelVersion),
      decision: promotion.decision === 1 ? 'promoted' : 'refused',
      gates: promotion.results.map(({ gate, holds, evidence }) => ({ gate, holds, evidence })),
    })),
    performanceByWindow: byWindow(facts),
    performanceByMonth: summary.performanceByMonth,
    drift: { columns: driftColumns(facts) },
    alerts: facts.alerts.map((alert) => ({
      name: shortName(alert.name),
      kind: alert.kind,
      message: alert.message,
      raised: timeText(alert.windowEnd),
      resolved: alert.resolveTime ? timeText(alert.resolveTime) : undefined,
      modelVersion: shortName(alert.modelVersion),
    })),
    predictions: {
      sent: summary.predictions.sent,
      failed: summary.predictions.failed,
      byVersion: summary.predictions.byVersion,
      latencyMs: latency(facts),
    },
    events: {
      published: journey.events.published,
      delivered: journey.events.delivered,
      byConsumer: Object.entries(journey.events.byConsumer).map(([consumer, delivered]) => ({ consumer, delivered })),
    },
    lineage: {
      nodes: facts.lineage.nodes.map(({ name, kind, attributes }) => ({ name, kind, attributes })),
      edges: facts.lineage.edges.map(({ source, target }) => ({ source, target })),
    },
    commands: [
      { command: 'npm run millrace -- up', what: 'start the platform again on this data' },
      { command: 'npm run millrace -- datasets show flights', what: 'versions, rows and dead letters' },
      { command: 'npm run millrace -- models lineage flight-delays', what: 'what the serving model is made of' },
      {
        command: 'npm run millrace -- drift show flight-delays',
        what: 'distances from the training profile, week by week',
      },
      { command: 'npm run millrace -- trace ls', what: 'every pipeline run as one trace through all services' },
    ],
  };
}

function timeline(journey: Journey): ReportStep[] {
  const runs: [string, ToldRun | undefined][] = [
    ['January to March', journey.first],
    ...journey.loads.map(({ month, run }): [string, ToldRun] => [month, run]),
    ['Bad delivery', journey.deliveries.loaded],
    ['Refused delivery', journey.deliveries.rejected],
    ['Retraining', journey.retrain],
  ];
  const starts = runs
    .flatMap(([, run]) => (run?.steps ?? []).map((step) => Date.parse(step.startTime)))
    .filter((ms) => ms > 0);
  const begin = Math.min(...starts);
  return runs.flatMap(([group, run]) =>
    (run?.steps ?? [])
      .filter((step) => Date.parse(step.startTime) > 0)
      .map((step) => ({
        name: step.name,
        group,
        startSeconds: (Date.parse(step.startTime) - begin) / 1000,
        seconds: step.seconds,
        rows: step.rows,
        rowsPerSecond: step.rows && step.seconds > 0 ? step.rows / step.seconds : undefined,
        status: step.state,
      })),
  );
}

function modelVersions(facts: Facts) {
  return facts.modelVersions.map((version) => {
    const result = facts.trainingJobs.get(version.name)?.result;
    const interval = version.intervals.auc;
    return {
      version: shortName(version.name),
      alias: version.aliases.join(', '),
      digest: version.model?.digest,
      auc: version.metrics.auc,
      aucInterval: interval ? ([interval.lower, interval.upper] as const) : undefined,
      logLoss: version.metrics.log_loss,
      parityMaxAbs: version.parity?.maxAbs,
      trainRows: result ? Number(result.trainRows) : undefined,
      testRows: result ? Number(result.testRows) : undefined,
    };
  });
}

/** The curves that the training service keeps: `roc` as pairs, `calibration` as objects. */
interface Curves {
  readonly roc?: readonly (readonly [number, number])[];
  readonly calibration?: readonly { readonly mean: number; readonly rate: number; readonly rows: number }[];
}

function curvesOf(facts: Facts): [string, Curves][] {
  return [...facts.trainingJobs].map(([version, job]) => [shortName(version), (job?.result?.curves ?? {}) as Curves]);
}

function roc(facts: Facts): ReportRoc[] {
  return curvesOf(facts).flatMap(([modelVersion, { roc: points }]) =>
    points ? [{ modelVersion, period: 'test', points }] : [],
  );
}

function calibration(facts: Facts): ReportCalibration[] {
  const ofTest = curvesOf(facts).flatMap(([modelVersion, { calibration: bins }]) =>
    bins
      ? [
          {
            modelVersion,
            period: 'test',
            bins: bins.map(({ mean, rate, rows }) => ({ predicted: mean, observed: rate, rows })),
          },
        ]
      : [],
  );
  const ofMonths = facts.months.flatMap(({ month, reports }) =>
    reports.map((report) => ({
      modelVersion: shortName(report.modelVersion),
      period: month,
      bins: (report.performance?.calibration ?? []).map(({ predicted, observed, rows }) => ({
        predicted,
        observed,
        rows: Number(rows),
      })),
    })),
  );
  return [...ofTest, ...ofMonths];
}

function importances(facts: Facts): ReportImportance[] {
  return [...facts.trainingJobs].flatMap(([version, job]) =>
    (job?.result?.importances ?? []).map(({ feature, gain }) => ({
      feature,
      value: gain,
      modelVersion: shortName(version),
    })),
  );
}

function byWindow(facts: Facts) {
  return facts.windows.flatMap((window) =>
    window.reports.map((report) => {
      const { metrics = {}, intervals = {}, referenceMetrics = {} } = report.performance ?? {};
      const interval = intervals.auc;
      return {
        windowStart: timeText(window.windowStart),
        windowEnd: timeText(window.windowEnd),
        month: timeText(window.windowStart).slice(0, 7),
        modelVersion: shortName(report.modelVersion),
        rows: Number(report.rows),
        labelledRows: Number(report.labelledRows),
        auc: metrics.auc,
        aucInterval: interval ? ([interval.lower, interval.upper] as const) : undefined,
        logLoss: metrics.log_loss,
        ece: metrics.ece,
        labelRate: metrics.label_rate,
        referenceAuc: referenceMetrics.auc,
        referenceLogLoss: referenceMetrics.log_loss,
      };
    }),
  );
}

function driftColumns(facts: Facts): ReportDriftColumn[] {
  const columns = new Map<
    string,
    { threshold: number; method: string; points: ReportDriftColumn['points'][number][] }
  >();
  for (const window of facts.windows)
    for (const report of window.reports)
      for (const drift of report.drift?.columns ?? []) {
        const known = columns.get(drift.column) ?? { threshold: drift.threshold, method: drift.method, points: [] };
        columns.set(drift.column, known);
        known.points.push({
          windowEnd: timeText(window.windowEnd),
          value: drift.value,
          modelVersion: shortName(report.modelVersion),
          drifted: drift.drifted,
        });
      }
  return [...columns].map(([column, found]) => ({ column, ...found }));
}

function latency(facts: Facts) {
  const us = facts.stats?.latencyUs ?? {};
  const ms = (quantile: string) => (us[quantile] === undefined ? undefined : us[quantile] / 1000);
  return { p50: ms('0.5'), p90: ms('0.9'), p99: ms('0.99') };
}
