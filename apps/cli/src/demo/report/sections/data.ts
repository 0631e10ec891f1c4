import { badge, bar, empty, figure, legend, name, table } from '../components.ts';
import { count, isKnown, known, percent } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { histogram } from '../plots/histogram.ts';
import type { ReportData, ReportDatasetVersion, ReportDistribution } from '../report-data.ts';

/** Dataset versions, dead letters by rule, and how the columns were and are spread. */
export function dataSection(data: ReportData): Markup {
  return html`<h3>Versions of the dataset</h3>${versions(data.datasetVersions ?? [])}<h3>Dead letters by rule</h3>${rules(data)}<h3 id="distributions">Then and now</h3>${distributions(data.distributions ?? [])}`;
}

function versions(list: readonly ReportDatasetVersion[]): Markup {
  if (list.length === 0) return empty('No dataset version was recorded.');
  const noted = list.some((version) => known(version.note) !== undefined);
  const columns = [
    { label: 'Version' },
    { label: 'Status' },
    { label: 'Rows', kind: 'number' as const },
    { label: 'Quarantined', kind: 'number' as const },
    { label: 'By rule', minor: true },
    ...(noted ? [{ label: 'What it is', minor: true }] : []),
  ];
  const rows = list.map((version) => [
    name(version.version),
    known(version.status) ? badge(version.status ?? '') : '',
    count(version.rows),
    count(version.quarantined),
    html`<ul class="plain">${sorted(version.byRule).map(([rule, value]) => html`<li>${count(value)} × <code>${name(rule)}</code></li>`)}</ul>`,
    ...(noted ? [version.note ?? ''] : []),
  ]);
  return table('Versions of the dataset, oldest first', columns, rows);
}

function rules(data: ReportData): Markup {
  const list = sorted(data.deadLettersByRule);
  if (list.length === 0)
    return empty(data.deadLettersByRule ? 'No row was quarantined.' : 'Dead letters were not recorded.');
  const total = list.reduce((sum, [, value]) => sum + value, 0);
  const most = list[0]?.[1] ?? 1;
  const rows = list.map(([rule, value]) => [
    html`<code>${name(rule)}</code>`,
    bar(0, value, most, 'amber'),
    count(value),
    percent(total > 0 ? value / total : undefined),
  ]);
  const columns = [
    { label: 'Rule' },
    { label: 'Rows', kind: 'plot' as const },
    { label: 'Rows', kind: 'number' as const },
    { label: 'Share', kind: 'number' as const },
  ];
  return table('Dead letters of all versions by the rule that failed', columns, rows);
}

function distributions(list: readonly ReportDistribution[]): Markup {
  if (list.length === 0) return empty('No distributions were recorded.');
  return html`<div class="cards">${list.map(distribution)}</div>`;
}

function distribution(item: ReportDistribution): Markup {
  const title = item.unit ? `${item.column} (${item.unit})` : item.column;
  const heading = html`<code>${name(title)}</code>`;
  const sums = { reference: sum(item, 'reference'), current: sum(item, 'current') };
  if (item.bins.length === 0 || sums.reference + sums.current === 0) {
    return figure({ heading, plot: empty('There were no values to compare.') });
  }
  const bins = item.bins.map((bin) => ({
    label: bin.label,
    reference: share(bin.reference, sums.reference),
    current: share(bin.current, sums.current),
  }));
  const labels = {
    reference: known(item.referenceLabel) ?? 'training',
    current: known(item.currentLabel) ?? 'latest window',
  };
  const description = `Share of rows by bin, ${labels.reference} against ${labels.current}.`;
  return figure({
    heading,
    legend: legend([
      { label: labels.reference, tone: 'reference', key: 'block' },
      { label: labels.current, tone: 'current', key: item.type === 'numeric' ? 'line' : 'block' },
    ]),
    plot: histogram({ title, description, type: item.type, bins }, 340, 170),
    table: table(
      `Shares of ${item.column} by bin`,
      [{ label: 'Bin' }, { label: labels.reference, kind: 'number' }, { label: labels.current, kind: 'number' }],
      bins.map((bin) => [name(bin.label), percent(bin.reference), percent(bin.current)]),
    ),
  });
}

function sum(item: ReportDistribution, side: 'reference' | 'current'): number {
  return item.bins.reduce((total, bin) => total + (isKnown(bin[side]) ? Math.max(0, bin[side]) : 0), 0);
}

function share(value: number | null | undefined, total: number): number {
  return isKnown(value) && total > 0 ? Math.max(0, value) / total : 0;
}

function sorted(byRule: Readonly<Record<string, number>> | undefined): [string, number][] {
  return Object.entries(byRule ?? {})
    .filter(([, value]) => isKnown(value))
    .sort((a, b) => b[1] - a[1]);
}
