import { empty, figure, legend, responsive, table } from '../components.ts';
import { day, instant, isKnown, known, significant } from '../format.ts';
import { clip, html, type Markup } from '../markup.ts';
import { heatmap } from '../plots/heatmap.ts';
import { timeChart } from '../plots/time-chart.ts';
import type { ReportData, ReportDriftColumn } from '../report-data.ts';
import { type Tones, versionLabel } from '../tones.ts';
import { alertSpans } from './alert-spans.ts';

/** Plots of single columns that stand open; the others are folded away. */
const OPEN_MAX = 6;

/** An overview of all columns and windows, then each column with its threshold, the worst first. */
export function driftPart(data: ReportData, tones: Tones): Markup {
  const columns = (data.drift?.columns ?? []).map(readColumn).filter((column) => column.points.length > 0);
  if (columns.length === 0) return empty('Drift was not measured.');
  columns.sort((a, b) => b.worst - a.worst);
  const times = columns.flatMap((column) => column.points.map((point) => point.time));
  const domain = [Math.min(...times), Math.max(...times)] as const;
  const plots = columns.map((column) => single(column, data, domain, tones));
  const rest = plots.slice(OPEN_MAX);
  const folded =
    rest.length === 0
      ? ''
      : html`<details class="more"><summary>${rest.length} more columns</summary><div class="cards">${rest}</div></details>`;
  return html`${overview(columns, data)}<div class="cards">${plots.slice(0, OPEN_MAX)}</div>${folded}`;
}

type Column = {
  readonly source: ReportDriftColumn;
  readonly method: string;
  /** Greatest share of the threshold that was reached; the value itself where there is no threshold. */
  readonly worst: number;
  readonly points: readonly {
    time: number;
    value: number;
    ratio: number;
    drifted: boolean;
    version: string | number | undefined;
  }[];
};

function readColumn(source: ReportDriftColumn): Column {
  const threshold = isKnown(source.threshold) && source.threshold > 0 ? source.threshold : undefined;
  const points = source.points.flatMap((point) => {
    const time = instant(point.windowEnd);
    if (time === undefined || !isKnown(point.value)) return [];
    const ratio = point.value / (threshold ?? 1);
    return [
      {
        time,
        value: point.value,
        ratio,
        drifted: point.drifted ?? (threshold !== undefined && ratio >= 1),
        version: point.modelVersion,
      },
    ];
  });
  points.sort((a, b) => a.time - b.time);
  return {
    source,
    method: known(source.method) ?? '',
    worst: Math.max(0, ...points.map((point) => point.ratio)),
    points,
  };
}

function overview(columns: readonly Column[], data: ReportData): Markup {
  const times = [...new Set(columns.flatMap((column) => column.points.map((point) => point.time)))].sort(
    (a, b) => a - b,
  );
  const rows = columns.map((column) => ({
    label: column.source.column,
    cells: times.map((time) => {
      const found = column.points.filter((point) => point.time === time).sort((a, b) => b.ratio - a.ratio)[0];
      return (
        found && {
          ratio: found.drifted ? Math.max(1, found.ratio) : Math.min(0.99, found.ratio),
          tip: tipOf(column, found),
        }
      );
    }),
  }));
  const method = known(data.drift?.method);
  const map = {
    title: 'Drift of all columns in all windows',
    description:
      'Each cell is the distance of one column in one window from the training profile, as a share of its threshold.',
    ...{ rows, columns: times.map((time) => day(time, false)) },
  };
  const values = columns.map((column) => [
    html`<code>${clip(column.source.column, 160)}</code>`,
    isKnown(column.source.threshold) ? significant(column.source.threshold, 3) : '',
    ...times.map((time) => {
      const found = column.points.find((point) => point.time === time);
      return found ? (found.drifted ? html`<b>${significant(found.value, 3)}</b>` : significant(found.value, 3)) : '';
    }),
  ]);
  const heads = [
    { label: 'Column' },
    { label: 'Threshold', kind: 'number' as const },
    ...times.map((time) => ({ label: day(time, false), kind: 'number' as const })),
  ];
  return figure({
    wide: true,
    heading: 'All columns at a glance',
    note: `Distance from the model’s own training profile${method ? ` (${method})` : ''} by window, as a share of the column’s threshold. A window is named by its end.`,
    legend: legend([
      { label: 'near', tone: 'heat-low', key: 'block' },
      { label: 'close to its threshold', tone: 'heat-high', key: 'block' },
      { label: 'beyond', tone: 'heat-over', key: 'block' },
      { label: 'more than twice', tone: 'heat-far', key: 'block' },
    ]),
    plot: responsive((width) => heatmap(map, width), 1060),
    table: table('Distance by column and window; beyond the threshold in bold', heads, values),
  });
}

function single(column: Column, data: ReportData, domain: readonly [number, number], tones: Tones): Markup {
  const { source, points } = column;
  const drifted = points.filter((point) => point.drifted).length;
  const series = [...Map.groupBy(points, (point) => String(point.version ?? ''))].map(([version, own]) => ({
    tone: tones(version === '' ? undefined : version),
    points: own.map((point) => ({
      time: point.time,
      value: point.value,
      flagged: point.drifted,
      tip: tipOf(column, point),
    })),
  }));
  const method = column.method;
  const note = `${drifted === 0 ? 'never drifted' : `drifted in ${drifted} of ${points.length} windows`}${isKnown(source.threshold) ? `, threshold ${significant(source.threshold, 2)}` : ''}${method ? ` (${method})` : ''}`;
  const chart = {
    ...{ title: `Drift of ${source.column}`, description: `${note}.`, series, domain, zero: true },
    threshold: isKnown(source.threshold) ? source.threshold : undefined,
    spans: alertSpans(data.alerts ?? [], domain, 'drift'),
  };
  return figure({ heading: html`<code>${clip(source.column, 160)}</code>`, note, plot: timeChart(chart, 340, 150) });
}

function tipOf(column: Column, point: Column['points'][number]): string {
  const version = point.version === undefined ? '' : `\n${versionLabel(point.version)}`;
  return `${clip(column.source.column, 60)}\nwindow to ${day(point.time)}\n${significant(point.value, 3)}${point.drifted ? ', drifted' : ''}${version}`;
}
