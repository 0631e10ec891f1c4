import Table from 'cli-table3';
import type { Facts } from './figures.ts';
import { shortName, timeText } from './figures.ts';
import type { Summary } from './summary.ts';

/** The tables at the end of the demo, as text. */
export function tellSummary(summary: Summary, facts: Facts): string {
  return [
    table(
      'Steps',
      ['step', 'seconds', 'rows', 'rows/s'],
      summary.steps.map(({ name, seconds, rows }) => [
        name,
        seconds.toFixed(1),
        count(rows),
        rows ? count(rows / Math.max(seconds, 0.001)) : '',
      ]),
    ),
    table(
      'Dataset versions',
      ['version', 'status', 'rows', 'put aside'],
      summary.datasetVersions.map((v) => [v.version, v.status, count(v.rows), count(v.quarantined)]),
    ),
    table(
      'Dead letters',
      ['rule', 'rows'],
      Object.entries(summary.deadLettersByRule)
        .sort()
        .map(([rule, rows]) => [rule, count(rows)]),
    ),
    table(
      'Model versions',
      ['version', 'alias', 'AUC (test)', 'log loss', 'parity', 'digest'],
      summary.modelVersions.map((v) => [
        v.version,
        v.alias,
        number(v.auc),
        number(v.logLoss),
        v.parityMaxAbs.toExponential(1),
        v.digest.slice(7, 19),
      ]),
    ),
    table(
      'Predictions by month',
      ['month', 'model', 'labelled', 'late', 'AUC', 'log loss', 'calibration error'],
      summary.performanceByMonth.map((m) => [
        m.month,
        m.modelVersion,
        count(m.rows),
        number(m.labelRate),
        number(m.auc),
        number(m.logLoss),
        number(m.ece),
      ]),
    ),
    driftTable(facts),
    table(
      'Alerts',
      ['kind', 'state', 'message'],
      summary.driftAlerts.map(({ kind, state, message }) => [kind, state, message.slice(0, 100)]),
    ),
    table(
      'Promotions',
      ['version', 'gate', 'holds', 'evidence'],
      facts.promotions.flatMap((p) =>
        p.results.map((r) => [
          shortName(p.modelVersion),
          r.gate.slice(0, 40),
          r.holds ? 'yes' : 'no',
          r.evidence.slice(0, 90),
        ]),
      ),
    ),
    table(
      'Predictions',
      ['sent', 'failed', 'log lost', ...Object.keys(summary.predictions.byVersion).map((v) => `by version ${v}`)],
      [
        [
          count(summary.predictions.sent),
          count(summary.predictions.failed),
          count(summary.predictions.lost),
          ...Object.values(summary.predictions.byVersion).map(count),
        ],
      ],
    ),
    table('Events', ['published', 'delivered'], [[count(summary.events.published), count(summary.events.delivered)]]),
  ]
    .filter(Boolean)
    .join('\n');
}

/** The newest distance of each column from the model's training profile, and the greatest one. */
function driftTable(facts: Facts): string {
  const byColumn = new Map<string, { max: number; at: string; last: number; threshold: number; method: string }>();
  for (const window of facts.windows)
    for (const report of window.reports)
      for (const { column, value, threshold, method } of report.drift?.columns ?? []) {
        const known = byColumn.get(column);
        const at = timeText(window.windowEnd).slice(0, 10);
        const isMax = !known || value > known.max;
        byColumn.set(column, {
          max: isMax ? value : known.max,
          at: isMax ? at : known.at,
          last: value,
          threshold,
          method,
        });
      }
  const rows = [...byColumn].map(([column, d]) => [
    column,
    d.method,
    number(d.threshold),
    number(d.last),
    number(d.max),
    d.at,
  ]);
  return table('Drift', ['column', 'distance', 'bound', 'last week', 'greatest', 'week until'], rows);
}

function table(title: string, head: string[], rows: string[][]): string {
  if (rows.length === 0) return '';
  const drawn = new Table({ head, style: { head: [], border: [], compact: true } });
  drawn.push(...rows);
  return `\n${title}\n${drawn.toString()}`;
}

const count = (n: number) => Math.round(n).toLocaleString('en');
const number = (x: number) => (Number.isNaN(x) ? '–' : x.toFixed(4));
