import { bar, empty, figure, legend, name, responsive, table } from '../components.ts';
import { count, day, instant, isKnown, milliseconds, percent, plural } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { timeChart } from '../plots/time-chart.ts';
import type { ReportData, ReportEvents, ReportPredictions } from '../report-data.ts';
import { type Tones, versionLabel } from '../tones.ts';

/** What serving answered and what the event bus carried. */
export function servingSection(data: ReportData, tones: Tones): Markup {
  return html`<h3>Predictions</h3>${predictions(data.predictions, tones)}<h3>Events</h3>${events(data.events)}`;
}

function predictions(data: ReportPredictions | undefined, tones: Tones): Markup {
  const parts = data === undefined ? [] : [byVersion(data, tones), latency(data), ...byDay(data, tones)];
  const shown = parts.filter((part) => part !== undefined);
  const sent = isKnown(data?.sent) ? sentence(data.sent, data.failed) : '';
  if (shown.length === 0 && sent === '') return empty('No predictions were recorded.');
  return html`${sent}<div class="pair">${shown}</div>`;
}

function sentence(sent: number, failed: number | null | undefined): Markup {
  const outcome = !isKnown(failed)
    ? ''
    : failed === 0
      ? ' None of them failed.'
      : ` ${plural(failed, 'request')} failed.`;
  return html`<p>${plural(sent, 'prediction')} asked for over gRPC.${outcome}</p>`;
}

function byVersion(data: ReportPredictions, tones: Tones): Markup | undefined {
  const list = Object.entries(data.byVersion ?? {}).filter(([, value]) => isKnown(value));
  if (list.length === 0) return undefined;
  const most = Math.max(...list.map(([, value]) => value));
  const total = list.reduce((sum, [, value]) => sum + value, 0);
  const rows = list.map(([version, value]) => [
    name(versionLabel(version)),
    bar(0, value, most, tones(version)),
    count(value),
    percent(total > 0 ? value / total : undefined),
  ]);
  const columns = [
    { label: 'Model' },
    { label: 'Answered', kind: 'plot' as const },
    { label: 'Answered', kind: 'number' as const },
    { label: 'Share', kind: 'number' as const },
  ];
  return figure({ heading: 'By model version', plot: table('Predictions by model version', columns, rows) });
}

function latency(data: ReportPredictions): Markup | undefined {
  const quantiles = data.latencyMs ?? {};
  const list = (
    [
      ['median', quantiles.p50],
      ['p90', quantiles.p90],
      ['p95', quantiles.p95],
      ['p99', quantiles.p99],
      ['greatest', quantiles.max],
    ] as const
  ).filter(([, value]) => isKnown(value));
  if (list.length === 0) return undefined;
  const most = Math.max(...list.map(([, value]) => value ?? 0));
  const rows = list.map(([label, value]) => [label, bar(0, value ?? 0, most, 'current'), milliseconds(value)]);
  const columns = [
    { label: 'Quantile' },
    { label: 'Latency', kind: 'plot' as const },
    { label: 'Latency', kind: 'number' as const },
  ];
  return figure({
    heading: 'Latency',
    note: 'As seen by the client.',
    plot: table('Latency of predictions', columns, rows),
  });
}

function byDay(data: ReportPredictions, tones: Tones): (Markup | undefined)[] {
  const days = (data.byDay ?? []).flatMap((item) => {
    const time = instant(item.day);
    return time === undefined ? [] : [{ ...item, time }];
  });
  if (days.length < 2) return [undefined];
  const versions = [...Map.groupBy(days, (item) => String(item.modelVersion ?? ''))];
  const toneOf = (version: string) => tones(version === '' ? undefined : version);
  const sent = versions.map(([version, own]) => ({
    tone: toneOf(version),
    points: own.flatMap((item) =>
      isKnown(item.sent)
        ? [
            {
              time: item.time,
              value: item.sent,
              tip: `${day(item.time)}\n${count(item.sent)} predictions${item.modelVersion === undefined ? '' : `\n${versionLabel(item.modelVersion)}`}`,
            },
          ]
        : [],
    ),
  }));
  const predicted = versions.map(([version, own]) => ({
    tone: toneOf(version),
    points: own.flatMap((item) =>
      isKnown(item.meanPrediction)
        ? [
            {
              time: item.time,
              value: item.meanPrediction,
              tip: `${day(item.time)}\npredicted ${percent(item.meanPrediction)}\nobserved ${percent(item.labelRate)}`,
            },
          ]
        : [],
    ),
  }));
  const observed = {
    tone: 'reference',
    points: days.flatMap((item) =>
      isKnown(item.labelRate)
        ? [{ time: item.time, value: item.labelRate, tip: `${day(item.time)}\nobserved ${percent(item.labelRate)}` }]
        : [],
    ),
  };
  const entries = versions.map(([version]) => ({
    label: version === '' ? 'predictions' : versionLabel(version),
    tone: toneOf(version),
  }));
  const rows = days.map((item) => [
    day(item.time),
    versionLabel(item.modelVersion),
    count(item.sent),
    count(item.failed),
    percent(item.meanPrediction),
    percent(item.labelRate),
  ]);
  const columns = ['Day', 'Model', 'Sent', 'Failed', 'Mean prediction', 'Late in truth'].map((label, index) => ({
    label,
    kind: index > 1 ? ('number' as const) : ('text' as const),
  }));
  const volume = {
    title: 'Predictions by day',
    description: 'Number of predictions on each day of event time, by model version.',
    series: sent,
    zero: true,
    shape: 'step' as const,
    yText: (value: number) => count(value),
  };
  const means = {
    title: 'Predicted and observed share by day',
    description: 'Mean predicted probability and share of late flights on each day.',
    series: [observed, ...predicted],
    zero: true,
    yText: (value: number) => percent(value, 0),
  };
  const first = sent.some((series) => series.points.length > 0)
    ? figure({
        heading: 'By day',
        legend: legend(entries),
        plot: responsive((width) => timeChart(volume, width, 190), 540),
        table: table('Predictions by day', columns, rows),
      })
    : undefined;
  const second = predicted.some((series) => series.points.length > 0)
    ? figure({
        heading: 'Predicted and observed',
        legend: legend([
          { label: 'observed share', tone: 'reference' },
          ...entries.map((entry) => ({ ...entry, label: `mean prediction, ${entry.label}` })),
        ]),
        plot: responsive((width) => timeChart(means, width, 190), 540),
      })
    : undefined;
  return [first, second];
}

function events(data: ReportEvents | undefined): Markup {
  const list = data?.byConsumer ?? [];
  const lead = isKnown(data?.published)
    ? html`<p>${plural(data.published, 'event')} published${isKnown(data.delivered) ? `, ${plural(data.delivered, 'delivery', 'deliveries')} to ${plural(list.length, 'consumer')}` : ''}.</p>`
    : '';
  if (list.length === 0) return lead === '' ? empty('No events were recorded.') : lead;
  const most = Math.max(1, ...list.map((item) => (isKnown(item.delivered) ? item.delivered : 0)));
  const rows = list.map((item) => [
    html`<code>${name(item.consumer)}</code>`,
    bar(0, isKnown(item.delivered) ? item.delivered : 0, most, 'current'),
    count(item.delivered),
    count(item.failed),
    milliseconds(item.latencyMsP50),
  ]);
  const columns = [
    { label: 'Consumer' },
    { label: 'Delivered', kind: 'plot' as const },
    { label: 'Delivered', kind: 'number' as const },
    { label: 'Failed', kind: 'number' as const },
    { label: 'Commit to start, median', kind: 'number' as const, minor: true },
  ];
  return html`${lead}${table('Events by consumer', columns, rows)}`;
}
