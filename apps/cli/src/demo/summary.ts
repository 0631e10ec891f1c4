import type { WindowReport } from '@millrace/contracts/millrace/monitoring/v1/monitor';
import type { Facts } from './figures.ts';
import { alertState, shortName } from './figures.ts';
import type { ToldRun } from './runs.ts';
import type { ScoreCounts } from './score.ts';
import type { Deliveries, ScoredStretch, TimedPart } from './story.ts';

/** What the demo has been through, part by part. */
export interface Journey {
  readonly seconds: number;
  readonly peakRssMib: number;
  readonly parts: readonly TimedPart[];
  readonly first: ToldRun;
  readonly loads: readonly { month: string; run: ToldRun }[];
  readonly months: readonly { month: string; stretch: ScoredStretch }[];
  readonly deliveries: Deliveries;
  readonly retrain: ToldRun | undefined;
  /** Whether an alert started the retraining; otherwise it was the schedule's. */
  readonly isTriggered: boolean;
  readonly load: ScoreCounts;
  readonly events: {
    readonly published: number;
    readonly delivered: number;
    readonly byConsumer: Readonly<Record<string, number>>;
  };
}

/** The demo's figures in one JSON object: the last line of `--json`. */
export interface Summary {
  readonly seconds: number;
  readonly peakRssMib: number;
  readonly steps: readonly { name: string; seconds: number; rows: number }[];
  readonly datasetVersions: readonly { version: string; rows: number; quarantined: number; status: string }[];
  readonly deadLettersByRule: Readonly<Record<string, number>>;
  readonly modelVersions: readonly {
    version: string;
    alias: string;
    digest: string;
    auc: number;
    logLoss: number;
    parityMaxAbs: number;
  }[];
  readonly performanceByMonth: readonly {
    month: string;
    modelVersion: string;
    rows: number;
    auc: number;
    logLoss: number;
    ece: number;
    labelRate: number;
  }[];
  readonly driftAlerts: readonly { alert: string; kind: string; state: string; message: string }[];
  readonly predictions: { sent: number; failed: number; byVersion: Readonly<Record<string, number>>; lost: number };
  readonly retrained: boolean;
  readonly retrainCause: string;
  readonly events: Journey['events'];
}

/** Puts the figures together. */
export function summarize(journey: Journey, facts: Facts): Summary {
  const sent = journey.months.reduce((sum, { stretch }) => sum + stretch.counts.sent, journey.load.sent);
  const failed = journey.months.reduce((sum, { stretch }) => sum + stretch.counts.failed, journey.load.failed);
  return {
    seconds: Number(journey.seconds.toFixed(1)),
    peakRssMib: journey.peakRssMib,
    steps: stepsOf(journey),
    datasetVersions: facts.datasetVersions.map(({ version, rows, quarantined, status }) => ({
      version,
      rows,
      quarantined,
      status,
    })),
    deadLettersByRule: facts.deadLettersByRule,
    modelVersions: facts.modelVersions.map((version) => ({
      version: shortName(version.name),
      alias: version.aliases.join(','),
      digest: version.model?.digest ?? '',
      auc: version.metrics.auc ?? Number.NaN,
      logLoss: version.metrics.log_loss ?? Number.NaN,
      parityMaxAbs: version.parity?.maxAbs ?? Number.NaN,
    })),
    performanceByMonth: facts.months.flatMap(({ month, reports }) =>
      reports.map((report) => monthFigures(month, report)),
    ),
    driftAlerts: facts.alerts.map((alert) => ({
      alert: shortName(alert.name),
      kind: alert.kind,
      state: alertState(alert),
      message: alert.message,
    })),
    predictions: { sent, failed, byVersion: byVersion(journey), lost: Number(facts.stats?.lostRows ?? 0n) },
    retrained: journey.retrain !== undefined,
    retrainCause: journey.isTriggered ? 'alert' : 'schedule',
    events: journey.events,
  };
}

/** Every timed step of the demo, in order. */
export function stepsOf(journey: Journey): { name: string; seconds: number; rows: number }[] {
  const run = (prefix: string, told: ToldRun | undefined) =>
    (told?.steps ?? []).map(({ name, seconds, rows }) => ({ name: `${prefix} ${name}`, seconds, rows }));
  return [
    ...journey.parts,
    ...run('Jan–Mar', journey.first),
    ...journey.loads.flatMap(({ month, run: told }) => run(month, told)),
    ...journey.months.map(({ month, stretch }) => ({
      name: `${month} days lived`,
      seconds: stretch.seconds,
      rows: stretch.counts.sent,
    })),
    ...run('bad delivery', journey.deliveries.loaded),
    ...run('refused delivery', journey.deliveries.rejected),
    ...run('retrain', journey.retrain),
  ].map(({ name, seconds, rows }) => ({ name, seconds: Number(seconds.toFixed(3)), rows }));
}

function monthFigures(month: string, report: WindowReport) {
  const metrics = report.performance?.metrics ?? {};
  return {
    month,
    modelVersion: shortName(report.modelVersion),
    rows: Number(report.labelledRows),
    auc: metrics.auc ?? Number.NaN,
    logLoss: metrics.log_loss ?? Number.NaN,
    ece: metrics.ece ?? Number.NaN,
    labelRate: metrics.label_rate ?? Number.NaN,
  };
}

function byVersion(journey: Journey): Record<string, number> {
  const total: Record<string, number> = {};
  for (const counts of [...journey.months.map(({ stretch }) => stretch.counts), journey.load])
    for (const [version, rows] of Object.entries(counts.byVersion))
      total[shortName(version)] = (total[shortName(version)] ?? 0) + rows;
  return total;
}
