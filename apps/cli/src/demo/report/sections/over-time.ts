import { badge, empty, figure, keyed, legend, name, responsive, table } from '../components.ts';
import { count, day, decimal, instant, interval, isKnown, known, month, percent } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { type TimePoint, timeChart } from '../plots/time-chart.ts';
import type { Figure, ReportAlert, ReportData, ReportInterval, ReportWindowPerformance } from '../report-data.ts';
import { type Tones, versionLabel } from '../tones.ts';
import { alertSpans } from './alert-spans.ts';
import { driftPart } from './drift.ts';

/** Performance by window and month, drift by feature, and the alerts. */
export function overTimeSection(data: ReportData, tones: Tones): Markup {
  return html`<h3>Performance by window</h3>${performance(data, tones)}<h3>Performance by month</h3>${months(data, tones)}<h3>Drift</h3>${driftPart(data, tones)}<h3>Alerts</h3>${alerts(data.alerts)}`;
}

type Metric = {
  readonly heading: string;
  readonly decimals: number;
  readonly value: (window: ReportWindowPerformance) => Figure;
  readonly interval: (window: ReportWindowPerformance) => ReportInterval | null | undefined;
  readonly reference: (window: ReportWindowPerformance) => Figure;
};

const METRICS: readonly Metric[] = [
  {
    heading: 'AUC',
    decimals: 3,
    value: (w) => w.auc,
    interval: (w) => w.aucInterval,
    reference: (w) => w.referenceAuc,
  },
  {
    heading: 'Log loss (nats)',
    decimals: 3,
    value: (w) => w.logLoss,
    interval: (w) => w.logLossInterval,
    reference: (w) => w.referenceLogLoss,
  },
  {
    heading: 'Expected calibration error',
    decimals: 4,
    value: (w) => w.ece,
    interval: () => undefined,
    reference: () => undefined,
  },
  {
    heading: 'Share of late flights',
    decimals: 3,
    value: (w) => w.labelRate,
    interval: () => undefined,
    reference: () => undefined,
  },
];

function performance(data: ReportData, tones: Tones): Markup {
  const windows = (data.performanceByWindow ?? []).filter((window) => instant(window.windowEnd) !== undefined);
  const charts = METRICS.filter((metric) => windows.some((window) => isKnown(metric.value(window))));
  if (charts.length === 0) return empty('No window had enough labelled predictions to be judged.');
  const rows = windows.map((window) => [
    `${day(window.windowStart, false)} – ${day(window.windowEnd)}`,
    versionLabel(window.modelVersion),
    count(window.rows),
    count(window.labelledRows),
    html`${decimal(window.auc)}${window.aucInterval ? html`<small>${interval(window.aucInterval)}</small>` : ''}`,
    decimal(window.logLoss),
    decimal(window.ece, 4),
  ]);
  const columns = ['Window', 'Model', 'Rows', 'Labelled', 'AUC (95 %)', 'Log loss', 'ECE'].map((label, index) => ({
    label,
    kind: index > 1 ? ('number' as const) : ('text' as const),
  }));
  const figures = html`<details class="behind"><summary>Figures of all windows</summary>${table('Performance by window', columns, rows)}</details>`;
  return html`<div class="pair">${charts.map((metric) => metricChart(metric, windows, data, tones))}</div>${figures}`;
}

function metricChart(
  metric: Metric,
  windows: readonly ReportWindowPerformance[],
  data: ReportData,
  tones: Tones,
): Markup {
  const domain = extent(windows);
  const byVersion = [...Map.groupBy(windows, (window) => String(window.modelVersion))];
  const series = byVersion.map(([version, own]) => ({
    tone: tones(version),
    points: own.flatMap((window) => toPoint(metric, window)),
  }));
  const levels = byVersion.flatMap(([version, own]) => {
    const value = own.map(metric.reference).find(isKnown);
    const [from, to] = extent(own);
    return value === undefined ? [] : [{ tone: tones(version), value, from, to }];
  });
  const spans = alertSpans(data.alerts ?? [], domain, 'performance');
  const entries = byVersion.map(([version]) => ({ label: versionLabel(version), tone: tones(version) }));
  const chart = {
    ...{
      title: `${metric.heading} by window`,
      description: `${metric.heading} of each model version in each window of event time, with 95 % intervals where known.`,
    },
    ...{ series, levels, spans, domain },
  };
  return figure({
    heading: metric.heading,
    legend: legend([
      ...entries,
      ...(levels.length > 0 ? [{ label: 'on its own test rows', tone: 'plain', key: 'dash' as const }] : []),
      ...(spans.length > 0 ? [{ label: 'performance alert open', tone: 'red', key: 'block' as const }] : []),
    ]),
    plot: responsive((width) => timeChart(chart, width, width > 400 ? 230 : 200), 540),
  });
}

function toPoint(metric: Metric, window: ReportWindowPerformance): TimePoint[] {
  const value = metric.value(window);
  const time = instant(window.windowEnd);
  if (!isKnown(value) || time === undefined) return [];
  const range = metric.interval(window);
  const sound = range && isKnown(range[0]) && isKnown(range[1]) ? range : undefined;
  const tip = [
    `${day(window.windowStart, false)} – ${day(window.windowEnd)}`,
    `${versionLabel(window.modelVersion)}: ${decimal(value, metric.decimals)}`,
    ...(sound ? [`95 %: ${interval(sound, metric.decimals)}`] : []),
    ...(isKnown(window.labelledRows) ? [`${count(window.labelledRows)} labelled rows`] : []),
  ].join('\n');
  return [{ time, value, low: sound?.[0], high: sound?.[1], tip }];
}

function extent(windows: readonly ReportWindowPerformance[]): [number, number] {
  const ends = windows.map((window) => instant(window.windowEnd) ?? 0);
  const starts = windows.map((window) => instant(window.windowStart) ?? instant(window.windowEnd) ?? 0);
  return [Math.min(...starts), Math.max(...ends)];
}

function months(data: ReportData, tones: Tones): Markup {
  const list = data.performanceByMonth ?? [];
  if (list.length === 0) return empty('No month was judged.');
  const noted = list.some((item) => known(item.note) !== undefined);
  const rated = list.some((item) => isKnown(item.labelRate));
  const rows = list.map((item) => [
    month(item.month),
    keyed(item.modelVersion, tones),
    count(item.rows),
    ...(rated ? [percent(item.labelRate)] : []),
    html`${decimal(item.auc)}${item.aucInterval ? html`<small>${interval(item.aucInterval)}</small>` : ''}`,
    decimal(item.logLoss),
    decimal(item.ece, 4),
    ...(noted ? [item.note ?? ''] : []),
  ]);
  const columns = [
    { label: 'Month' },
    { label: 'Model' },
    { label: 'Labelled rows', kind: 'number' as const, minor: true },
    ...(rated ? [{ label: 'Late', kind: 'number' as const, minor: true }] : []),
    { label: 'AUC (95 %)', kind: 'number' as const },
    { label: 'Log loss (nats)', kind: 'number' as const },
    { label: 'ECE', kind: 'number' as const, minor: true },
    ...(noted ? [{ label: 'Remark', minor: true }] : []),
  ];
  return table('Performance by month and model version', columns, rows);
}

function alerts(list: readonly ReportAlert[] | undefined): Markup {
  if (list === undefined) return empty('Alerts were not recorded.');
  if (list.length === 0) return empty('No alert was raised.');
  const rows = list.map((alert) => [
    day(alert.raised),
    known(alert.resolved) ? day(alert.resolved) : badge('open'),
    (known(alert.kind) ?? '').toLowerCase(),
    alert.modelVersion === undefined ? '' : versionLabel(alert.modelVersion),
    known(alert.message) ? alert.message : name(alert.name),
  ]);
  const columns = [
    { label: 'Raised' },
    { label: 'Resolved' },
    { label: 'Kind' },
    { label: 'Model', minor: true },
    { label: 'What was out of bounds' },
  ];
  return table('Alerts in event time', columns, rows);
}
