import { type Content, clip, html, type Markup, trusted } from './markup.ts';
import { linearScale } from './plots/scale.ts';
import { type Tones, versionLabel } from './tones.ts';

/** A sentence that stands where there is nothing to show. */
export function empty(sentence: string): Markup {
  return html`<p class="empty">${sentence}</p>`;
}

/** A name that may be long: at most 160 characters are shown, and it may break, at its separators first. */
export function name(text: string | number): Markup {
  const pieces = clip(String(text), 160).split(/(?<=[_/:]|[.-](?!\d))/);
  return html`<span class="name">${pieces.map((piece, index) => html`${index > 0 ? html`<wbr>` : ''}${piece}`)}</span>`;
}

/** A model version with the key of its colour. */
export function keyed(version: string | number, tones: Tones): Markup {
  const short = String(version).length <= 20 ? ' class="short"' : '';
  return html`<span${trusted(short)}><span class="${tones(version)}"><i class="key block"></i></span>${name(versionLabel(version))}</span>`;
}

/** A column of a table. */
export type Column = { readonly label: string; readonly kind?: 'number' | 'text' | 'plot'; readonly minor?: boolean };

/** A table that scrolls sideways by itself when the page is narrow; minor columns are left out on phones. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Content[])[]): Markup {
  const cellClass = (index: number) =>
    [columns[index]?.kind ?? 'text', columns[index]?.minor ? 'minor' : ''].filter(Boolean).join(' ');
  const head = columns.map((column, index) => html`<th scope="col" class="${cellClass(index)}">${column.label}</th>`);
  const body = rows.map((row) => {
    const cells = row.map((cell, index) =>
      index === 0
        ? html`<th scope="row" class="${cellClass(index)}">${cell}</th>`
        : html`<td class="${cellClass(index)}">${cell}</td>`,
    );
    return html`<tr>${cells}</tr>`;
  });
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** The table behind a plot, folded away. */
export function behind(inner: Markup, label = 'Figures'): Markup {
  return html`<details class="behind"><summary>${label}</summary>${inner}</details>`;
}

/** One entry of a legend: its text and the class of its colour; `line`, `dash`, `block` is the look of the key. */
export type LegendEntry = { readonly label: string; readonly tone: string; readonly key?: 'line' | 'dash' | 'block' };

/** A legend. */
export function legend(entries: readonly LegendEntry[]): Markup {
  const items = entries.map(
    (entry) => html`<li class="${entry.tone}"><i class="key ${entry.key ?? 'line'}"></i>${clip(entry.label, 60)}</li>`,
  );
  return html`<ul class="legend">${items}</ul>`;
}

/** A plot with its heading, an optional note and legend, and the table behind it. */
export function figure(parts: {
  readonly heading: Content;
  readonly note?: Content;
  readonly legend?: Markup;
  readonly plot: Markup;
  readonly table?: Markup;
  readonly wide?: boolean;
}): Markup {
  const note = parts.note ? html`<p class="note">${parts.note}</p>` : '';
  return html`<figure class="${parts.wide ? 'card across' : 'card'}"><figcaption><h3>${parts.heading}</h3>${note}</figcaption>${parts.legend}${parts.plot}${parts.table ? behind(parts.table) : ''}</figure>`;
}

/** The same plot drawn for wide and for narrow screens; style shows one of them, so its letters keep their size. */
export function responsive(draw: (width: number) => Markup, wide: number, narrow = 330): Markup {
  return html`<div class="wide">${draw(wide)}</div><div class="narrow">${draw(narrow)}</div>`;
}

/** A bar for a table cell: from `start` to `end` of `max`, in a colour class. */
export function bar(start: number, end: number, max: number, tone: string): Markup {
  const at = linearScale([0, max > 0 ? max : 1], [0, 1000]);
  const width = Math.max(4, at(end) - at(start)).toFixed(0);
  return html`<svg class="bar ${tone}" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="rail" width="1000" height="10"/><rect class="fill" x="${Math.min(996, at(start)).toFixed(0)}" width="${width}" height="10"/></svg>`;
}

/** A word that tells a state, coloured by what it means; the word itself carries the meaning. */
export function badge(word: string): Markup {
  const text = word.replaceAll('_', ' ').toLowerCase();
  const good = /^(published|succeeded|promoted|champion|resolved|holds|registered)/.test(text);
  const bad = /^(rejected|failed|refused|open|not promoted|does not hold)/.test(text);
  return html`<span class="badge ${good ? 'good' : bad ? 'bad' : 'plain'}">${clip(text, 60)}</span>`;
}
