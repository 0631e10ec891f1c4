import { empty } from '../components.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportCommand } from '../report-data.ts';

/** What the reader can run next, command by command. */
export function commandsSection(list: readonly ReportCommand[]): Markup {
  if (list.length === 0) return empty('No commands were suggested.');
  const items = list.map(({ command, what }) => html`<div><dt><code>${command}</code></dt><dd>${what}</dd></div>`);
  return html`<dl class="commands">${items}</dl>`;
}
