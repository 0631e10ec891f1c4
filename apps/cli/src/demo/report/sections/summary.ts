import { empty } from '../components.ts';
import {
  count,
  decimal,
  interval,
  isKnown,
  known,
  memory,
  milliseconds,
  plural,
  seconds,
  shortCount,
} from '../format.ts';
import { type Content, html, type Markup } from '../markup.ts';
import type { ReportData } from '../report-data.ts';
import { versionLabel } from '../tones.ts';

/** The key figures as tiles; a figure that is not known has no tile. */
export function summarySection(data: ReportData): Markup {
  const tiles = [
    time(data),
    memoryTile(data),
    rows(data),
    deadLetters(data),
    champion(data),
    served(data),
    latency(data),
    alerts(data),
    events(data),
  ];
  const shown = tiles.filter((tile) => tile !== undefined);
  if (shown.length === 0) return empty('No key figures were recorded.');
  return html`<dl class="tiles">${shown}</dl>`;
}

/** The version that serves: the one with the alias `champion`, or else the last one. */
export function championOf(data: ReportData) {
  const models = data.modelVersions ?? [];
  return models.find((model) => /\bchampion\b/.test(model.alias ?? '')) ?? models.at(-1);
}

function tile(label: string, value: Content, under: Content, tone = ''): Markup {
  return html`<div class="tile ${tone}"><dt>${label}</dt><dd><b>${value}</b>${under ? html`<span>${under}</span>` : ''}</dd></div>`;
}

function time(data: ReportData) {
  if (!isKnown(data.totalSeconds)) return undefined;
  return tile(
    'Whole run',
    seconds(data.totalSeconds),
    data.steps?.length ? `in ${plural(data.steps.length, 'step')}` : '',
  );
}

function memoryTile({ peakRssMib, machine }: ReportData) {
  if (!isKnown(peakRssMib)) return undefined;
  return tile(
    'Peak memory',
    memory(peakRssMib),
    isKnown(machine?.memoryMib) ? `of ${memory(machine.memoryMib)}, all processes` : 'all processes',
  );
}

function rows(data: ReportData) {
  const versions = data.datasetVersions ?? [];
  const latest = versions.findLast((version) => !/reject/i.test(version.status ?? '') && isKnown(version.rows));
  if (latest === undefined) return undefined;
  return tile(
    'Rows published',
    shortCount(latest.rows),
    `${plural(versions.length, 'dataset version')}, newest ${latest.version}`,
  );
}

function deadLetters(data: ReportData) {
  const byRule = Object.values(data.deadLettersByRule ?? {}).filter(isKnown);
  if (byRule.length === 0) return undefined;
  const total = byRule.reduce((sum, value) => sum + value, 0);
  return tile(
    'Dead letters',
    shortCount(total),
    `${plural(byRule.length, 'rule')} failed, every row kept`,
    total > 0 ? 'amber' : '',
  );
}

function champion(data: ReportData) {
  const model = championOf(data);
  if (!isKnown(model?.auc)) return undefined;
  const range = model.aucInterval ? `, ${interval(model.aucInterval)}` : '';
  return tile('AUC on test rows', decimal(model.auc), `${versionLabel(model.version)}${range}`);
}

function served({ predictions }: ReportData) {
  if (!isKnown(predictions?.sent)) return undefined;
  const failed = predictions.failed;
  const under = isKnown(failed) ? `${failed === 0 ? 'none' : count(failed)} failed` : '';
  return tile(
    'Predictions',
    shortCount(predictions.sent),
    under,
    isKnown(failed) ? (failed > 0 ? 'red' : 'green') : '',
  );
}

function latency({ predictions }: ReportData) {
  const quantiles = predictions?.latencyMs;
  if (!isKnown(quantiles?.p50)) return undefined;
  return tile(
    'Prediction latency',
    milliseconds(quantiles.p50),
    isKnown(quantiles.p99) ? `median; p99 ${milliseconds(quantiles.p99)}` : 'median',
  );
}

function alerts(data: ReportData) {
  if (data.alerts === undefined && data.retrained === undefined) return undefined;
  const open = (data.alerts ?? []).filter((alert) => known(alert.resolved) === undefined).length;
  const retrained = data.retrained === undefined ? '' : data.retrained ? ', retrained' : ', no retrain';
  return tile(
    'Alerts',
    count(data.alerts?.length ?? 0),
    `${count(open)} still open${retrained}`,
    open > 0 ? 'amber' : '',
  );
}

function events({ events }: ReportData) {
  if (!isKnown(events?.published)) return undefined;
  return tile(
    'Events',
    shortCount(events.published),
    isKnown(events.delivered) ? `${shortCount(events.delivered)} deliveries` : '',
  );
}
