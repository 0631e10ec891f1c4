import type { Facts } from './figures.ts';
import { shortName } from './figures.ts';
import type { Journey, Summary } from './summary.ts';

/** What happened, in sentences made from the figures. */
export function storyOf(summary: Summary, journey: Journey, facts: Facts): string[] {
  return [
    firstRunText(journey, facts),
    monthsText(summary),
    deliveryText(journey),
    retrainText(summary, journey, facts),
  ].filter(Boolean);
}

function firstRunText(journey: Journey, facts: Facts): string {
  const rows = journey.first.steps.find((step) => step.name === 'ingest')?.rows ?? 0;
  const version = facts.modelVersions[0];
  if (!version) return '';
  return `January to March: ${count(rows)} flights were loaded, validated and published; the model trained on them reached an AUC of ${figure(version.metrics.auc)} on the newest flights that it had not seen, and became champion.`;
}

function monthsText(summary: Summary): string {
  const told = summary.performanceByMonth.map(
    ({ month, modelVersion, auc, logLoss }) =>
      `${month}, version ${modelVersion}: AUC ${figure(auc)}, log loss ${figure(logLoss)}`,
  );
  if (told.length === 0) return '';
  return `Month by month, on predictions whose truth came later: ${told.join('; ')}.`;
}

function deliveryText({ deliveries }: Journey): string {
  const broken = Object.values(deliveries.broken).reduce((a, b) => a + b, 0);
  return (
    `In June a delivery of ${count(deliveries.rows)} rows came with ${count(broken)} broken ones: they went to the dead letters, the others were published. ` +
    `A second delivery, 40 % broken, was refused as a whole: readers saw ${count(deliveries.rowsBefore)} rows before and ${count(deliveries.rowsAfterRejection)} after. ` +
    `${count(deliveries.replayed)} corrected rows were replayed and published in version ${shortName(deliveries.replayVersion)}.`
  );
}

function retrainText(summary: Summary, { isTriggered }: Journey, facts: Facts): string {
  const alert = facts.alerts.find(({ kind }) => kind === 'PERFORMANCE');
  const promotion = facts.promotions.at(-1);
  const evidence = promotion?.results.map((result) => result.evidence).join(' ') ?? '';
  const decision = promotion?.decision === 1 ? 'It was promoted' : 'It was not promoted';
  const cause = isTriggered
    ? `An alert (${alert?.message ?? 'performance'}) started the pipeline again, on January to May.`
    : 'No week crossed the thresholds of the pipeline file, so the retraining shown here is the scheduled one, not an answer to an alert.';
  const { sent, failed } = summary.predictions;
  return `${cause} ${decision}: ${evidence} Of ${count(sent)} requests, ${count(failed)} failed.`;
}

const count = (n: number) => Math.round(n).toLocaleString('en');
const figure = (x: number | undefined) => (x === undefined || Number.isNaN(x) ? 'unknown' : x.toFixed(3));
