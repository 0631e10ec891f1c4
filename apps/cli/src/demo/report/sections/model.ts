import { badge, bar, empty, figure, keyed, legend, name, table } from '../components.ts';
import { count, decimal, interval, isKnown, known, percent, tiny } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { type Curve, squareChart, thin } from '../plots/curves.ts';
import type { ReportCalibration, ReportData, ReportPromotion, ReportRoc } from '../report-data.ts';
import { type Tones, versionLabel } from '../tones.ts';
import { championOf } from './summary.ts';

/** Model versions, ROC, calibration, importances and the gates before promotion. */
export function modelSection(data: ReportData, tones: Tones): Markup {
  return html`${models(data, tones)}<div class="cards">${roc(data.roc ?? [], tones)}${calibration(data.calibrationByModel ?? [], tones)}${importances(data, tones)}</div><h3>Gates before promotion</h3>${promotions(data.promotion)}`;
}

function models(data: ReportData, tones: Tones): Markup {
  const list = data.modelVersions ?? [];
  if (list.length === 0) return empty('No model version was registered.');
  const rows = list.map((model) => [
    keyed(model.version, tones),
    (known(model.alias) ?? '').split(/[,\s]+/).map((alias) => (alias ? html`${badge(alias)} ` : '')),
    known(model.trainedOn) ?? '',
    count(model.trainRows),
    html`${decimal(model.auc)}${model.aucInterval ? html`<small>${interval(model.aucInterval)}</small>` : ''}`,
    decimal(model.logLoss),
    tiny(model.parityMaxAbs),
    known(model.digest)
      ? html`<code title="${model.digest}">${(model.digest ?? '').replace(/^sha256:/, '').slice(0, 12)}</code>`
      : '',
  ]);
  const columns = [
    { label: 'Model' },
    { label: 'Alias' },
    { label: 'Trained on', minor: true },
    { label: 'Training rows', kind: 'number' as const, minor: true },
    { label: 'AUC (95 %)', kind: 'number' as const },
    { label: 'Log loss (nats)', kind: 'number' as const },
    { label: 'Parity, max |Δp|', kind: 'number' as const, minor: true },
    { label: 'Digest', minor: true },
  ];
  return table('Registered model versions, measured on their own test rows', columns, rows);
}

function roc(list: readonly ReportRoc[], tones: Tones): Markup {
  const curves = list
    .map((curve) => ({ ...curve, points: curve.points.filter(([x, y]) => isKnown(x) && isKnown(y)) }))
    .filter((curve) => curve.points.length > 1);
  if (curves.length === 0) return figure({ heading: 'ROC', plot: empty('No ROC curve was recorded.') });
  const drawn = curves.map(
    (curve, index): Curve => ({
      tone: tones(curve.modelVersion),
      points: curve.points.map(([x, y]) => ({ x, y })),
      look: repeated(curves, index) ? 'dash' : 'solid',
    }),
  );
  const rows = curves.flatMap((curve) =>
    thin(curve.points)
      .filter((_, index, all) => index % Math.ceil(all.length / 20) === 0)
      .map(([x, y]) => [label(curve), decimal(x), decimal(y)]),
  );
  const chart = {
    ...{ title: 'ROC curves', description: 'True positive rate against false positive rate for each model version.' },
    ...{ xLabel: 'false positive rate', yLabel: 'true positive rate', curves: drawn, max: 1 },
  };
  return figure({
    heading: 'ROC',
    legend: legend(
      curves.map((curve, index) => ({
        label: `${label(curve)}${isKnown(curve.auc) ? ` · AUC ${decimal(curve.auc)}` : ''}`,
        tone: tones(curve.modelVersion),
        key: repeated(curves, index) ? ('dash' as const) : ('line' as const),
      })),
    ),
    plot: squareChart(chart, 340),
    table: table(
      'Points of the ROC curves, thinned',
      [
        { label: 'Model' },
        { label: 'False positive rate', kind: 'number' },
        { label: 'True positive rate', kind: 'number' },
      ],
      rows,
    ),
  });
}

function calibration(list: readonly ReportCalibration[], tones: Tones): Markup {
  const curves = list
    .map((curve) => ({ ...curve, bins: curve.bins.filter((bin) => isKnown(bin.predicted) && isKnown(bin.observed)) }))
    .filter((curve) => curve.bins.length > 0);
  const heading = 'Calibration';
  if (curves.length === 0) return figure({ heading, plot: empty('No calibration was recorded.') });
  const drawn = curves.map(
    (curve, index): Curve => ({
      tone: tones(curve.modelVersion),
      look: repeated(curves, index) ? 'dash' : 'solid',
      points: curve.bins.map((bin) => ({
        x: bin.predicted ?? 0,
        y: bin.observed ?? 0,
        ...(isKnown(bin.rows) ? { weight: bin.rows } : {}),
        tip: `${label(curve)}\npredicted ${percent(bin.predicted)}\nobserved ${percent(bin.observed)}${isKnown(bin.rows) ? `\n${count(bin.rows)} rows` : ''}`,
      })),
    }),
  );
  const rows = curves.flatMap((curve) =>
    curve.bins.map((bin) => [label(curve), percent(bin.predicted), percent(bin.observed), count(bin.rows)]),
  );
  const chart = {
    ...{
      title: 'Calibration curves',
      description: 'Observed share of late flights against the predicted probability; on the diagonal they agree.',
    },
    ...{ xLabel: 'predicted probability', yLabel: 'observed share', curves: drawn },
  };
  const columns = [
    { label: 'Model' },
    { label: 'Predicted', kind: 'number' as const },
    { label: 'Observed', kind: 'number' as const },
    { label: 'Rows', kind: 'number' as const },
  ];
  return figure({
    heading,
    legend: legend(
      curves.map((curve, index) => ({
        label: label(curve),
        tone: tones(curve.modelVersion),
        key: repeated(curves, index) ? ('dash' as const) : ('line' as const),
      })),
    ),
    plot: squareChart(chart, 340),
    table: table('Bins of the calibration curves', columns, rows),
  });
}

function importances(data: ReportData, tones: Tones): Markup {
  const newest = championOf(data)?.version;
  const all = (data.importances ?? []).filter((item) => isKnown(item.value));
  const own = all.filter((item) => item.modelVersion === undefined || String(item.modelVersion) === String(newest));
  const list = (own.length > 0 ? own : all).toSorted((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const heading = 'What the model leans on';
  if (list.length === 0) return figure({ heading, plot: empty('No importances were recorded.') });
  const total = list.reduce((sum, item) => sum + Math.max(0, item.value ?? 0), 0);
  const rows = list
    .slice(0, 16)
    .map((item) => [
      html`<code>${name(item.feature)}</code>`,
      bar(0, item.value ?? 0, list[0]?.value ?? 1, tones(newest)),
      percent(total > 0 ? (item.value ?? 0) / total : undefined),
    ]);
  return figure({
    heading,
    note: newest === undefined ? '' : `Share of the total gain, ${versionLabel(newest)}`,
    plot: table(
      'Importance of the features',
      [{ label: 'Feature' }, { label: 'Share', kind: 'plot' }, { label: 'Share', kind: 'number' }],
      rows,
    ),
  });
}

function promotions(list: readonly ReportPromotion[] | undefined): Markup {
  if (list === undefined) return empty('Promotions were not recorded.');
  if (list.length === 0) return empty('No promotion was asked for.');
  const cards = list.map((item) => {
    const gates = (item.gates ?? []).map((gate) => {
      const verdict = gate.holds === true ? 'holds' : gate.holds === false ? 'does not hold' : 'not judged';
      return [name(gate.gate), badge(verdict), gate.evidence ?? ''];
    });
    const inner =
      gates.length === 0
        ? empty('No gate was recorded.')
        : table(
            `Gates of ${versionLabel(item.version)}`,
            [{ label: 'Gate' }, { label: 'Verdict' }, { label: 'Evidence' }],
            gates,
          );
    return html`<section class="card gates"><h4>${versionLabel(item.version)} ${known(item.decision) ? badge(item.decision ?? '') : ''}</h4>${inner}</section>`;
  });
  return html`<div class="pair">${cards}</div>`;
}

function label(curve: { readonly modelVersion: string | number; readonly period?: string | null | undefined }): string {
  return `${versionLabel(curve.modelVersion)}${known(curve.period) ? `, ${curve.period}` : ''}`;
}

/** Whether an earlier curve already has this model version's colour; then it is dashed. */
function repeated(list: readonly { readonly modelVersion: string | number }[], index: number): boolean {
  return list.slice(0, index).some((other) => String(other.modelVersion) === String(list[index]?.modelVersion));
}
