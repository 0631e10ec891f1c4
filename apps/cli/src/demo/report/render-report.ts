import { count, isKnown, known, memory, moment, plural } from './format.ts';
import { html, type Markup, trusted } from './markup.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import type { ReportData } from './report-data.ts';
import { commandsSection } from './sections/commands.ts';
import { dataSection } from './sections/data.ts';
import { happenedSection } from './sections/happened.ts';
import { lineageSection } from './sections/lineage.ts';
import { modelSection } from './sections/model.ts';
import { overTimeSection } from './sections/over-time.ts';
import { servingSection } from './sections/serving.ts';
import { summarySection } from './sections/summary.ts';
import { modelTones } from './tones.ts';

/**
 * Renders the report as one HTML page that needs nothing else: no network, no files beside it, and no script to be read.
 * It shows what `data` holds and says in a sentence what it does not hold. All text is escaped; the same data give the
 * same page, byte for byte. Never throws for data of the right types.
 */
export function renderReport(data: ReportData): string {
  const sections = sectionsOf(data);
  const links = sections.map(({ id, heading }) => html`<li><a href="#${id}">${heading}</a></li>`);
  const body = sections.map(
    ({ id, heading, about, content }) =>
      html`<section id="${id}" aria-labelledby="${id}-heading"><h2 id="${id}-heading">${heading}</h2>${about ? html`<p class="about">${about}</p>` : ''}${content}</section>`,
  );
  const lead = known(data.subtitle) ? html`<p class="lead">${data.subtitle}</p>` : '';
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${data.title}</title>
<style>${trusted(PAGE_STYLE)}</style>
</head>
<body>
<header><h1>${data.title}</h1>${lead}<ul class="facts">${facts(data).map((fact) => html`<li>${fact}</li>`)}</ul></header>
<nav aria-label="Sections"><div><ul>${links}</ul><button id="theme" type="button" hidden>Dark</button></div></nav>
<main>${body}</main>
<footer>Written by <code>millrace demo</code>. Times of data are event times in UTC. Intervals are 95 % confidence intervals.</footer>
<div id="tip" role="status" aria-hidden="true" hidden></div>
<script>${trusted(PAGE_SCRIPT)}</script>
</body>
</html>
`.text;
}

type Section = { readonly id: string; readonly heading: string; readonly about: string; readonly content: Markup };

function sectionsOf(data: ReportData): Section[] {
  const tones = modelTones(data);
  return [
    { id: 'summary', heading: 'Summary', about: '', content: summarySection(data) },
    { id: 'happened', heading: 'What happened', about: '', content: happenedSection(data) },
    {
      id: 'data',
      heading: 'Data',
      about: 'What was published, what was held back and why, and how the columns have moved.',
      content: dataSection(data),
    },
    {
      id: 'model',
      heading: 'Model',
      about: 'Each version has one colour in all plots.',
      content: modelSection(data, tones),
    },
    {
      id: 'time',
      heading: 'Over time',
      about: 'Windows of event time, judged once the truth about their predictions had arrived.',
      content: overTimeSection(data, tones),
    },
    { id: 'serving', heading: 'Predictions and events', about: '', content: servingSection(data, tones) },
    {
      id: 'lineage',
      heading: 'Lineage',
      about: 'What the served model was made of, from the files on the left to the endpoint on the right.',
      content: lineageSection(data),
    },
    { id: 'further', heading: 'How to look further', about: '', content: commandsSection(data.commands ?? []) },
  ];
}

function facts(data: ReportData): string[] {
  const { machine } = data;
  const parts = [
    isKnown(machine?.cores) ? plural(machine.cores, 'core') : undefined,
    isKnown(machine?.memoryMib) ? `${memory(machine.memoryMib)} of memory` : undefined,
    known(machine?.platform),
  ].filter((part) => part !== undefined);
  return [
    known(data.generatedTime) ? moment(data.generatedTime) : undefined,
    known(data.revision) ? `revision ${data.revision}` : undefined,
    parts.length > 0 ? parts.join(', ') : undefined,
    data.modelVersions?.length
      ? `${count(data.modelVersions.length)} model ${data.modelVersions.length === 1 ? 'version' : 'versions'}`
      : undefined,
  ].filter((fact) => fact !== undefined);
}
