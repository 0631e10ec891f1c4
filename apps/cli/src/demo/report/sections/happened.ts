import { badge, bar, empty, legend, name, table } from '../components.ts';
import { count, isKnown, known, seconds, shortCount } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportData, ReportStep } from '../report-data.ts';
import { tone } from '../tones.ts';

/** The story, and every step on one axis of time. */
export function happenedSection(data: ReportData): Markup {
  const story = (data.story ?? []).filter((paragraph) => paragraph.trim() !== '');
  const text =
    story.length === 0
      ? empty('No story was told.')
      : html`<div class="story">${story.map((line) => html`<p>${line}</p>`)}</div>`;
  return html`${text}<h3>Where the time went</h3>${waterfall(data)}`;
}

function waterfall(data: ReportData): Markup {
  const steps = placed(data.steps ?? []);
  if (steps.length === 0) return empty('No steps were timed.');
  const groups = [...new Set(steps.map((step) => known(step.group) ?? ''))];
  const end = Math.max(
    isKnown(data.totalSeconds) ? data.totalSeconds : 0,
    ...steps.map((step) => step.from + step.spent),
  );
  const rows = steps.map((step) => [
    html`${name(step.name)}${known(step.status) && !/succeeded|done|ok/i.test(step.status ?? '') ? html` ${badge(step.status ?? '')}` : ''}`,
    bar(step.from, step.from + step.spent, end, tone(2 + groups.indexOf(known(step.group) ?? ''))),
    seconds(step.seconds),
    isKnown(step.rows) ? count(step.rows) : '',
    rate(step),
  ]);
  const entries = groups
    .filter((group) => group !== '')
    .map((label) => ({ label, key: 'block' as const, tone: tone(2 + groups.indexOf(label)) }));
  const columns = [
    { label: 'Step' },
    { label: `0 to ${seconds(end)}`, kind: 'plot' as const },
    { label: 'Time', kind: 'number' as const },
    { label: 'Rows', kind: 'number' as const, minor: true },
    { label: 'Rows/s', kind: 'number' as const, minor: true },
  ];
  return html`${entries.length > 1 ? legend(entries) : ''}<div class="waterfall">${table('Steps of the run, from its beginning to its end', columns, rows)}</div>`;
}

/** Steps with a start: one that has none begins where the one before it ended. */
function placed(steps: readonly ReportStep[]): (ReportStep & { from: number; spent: number })[] {
  let clock = 0;
  return steps.map((step) => {
    const from = isKnown(step.startSeconds) ? step.startSeconds : clock;
    const spent = isKnown(step.seconds) ? Math.max(0, step.seconds) : 0;
    clock = from + spent;
    return { ...step, from, spent };
  });
}

function rate(step: ReportStep): string {
  if (isKnown(step.rowsPerSecond)) return shortCount(step.rowsPerSecond);
  return isKnown(step.rows) && isKnown(step.seconds) && step.seconds > 0 ? shortCount(step.rows / step.seconds) : '';
}
