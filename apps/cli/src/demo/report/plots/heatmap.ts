import { clip, html, type Markup } from '../markup.ts';
import { drawing, px, textWidth } from './frame.ts';

/** A row of cells: how far each value has come to its limit (1 = at the limit), undefined where there is none. */
export type HeatRow = {
  readonly label: string;
  readonly cells: readonly ({ readonly ratio: number; readonly tip: string } | undefined)[];
};

/** Rows of cells over shared columns. */
export type Heatmap = {
  readonly title: string;
  readonly description: string;
  readonly rows: readonly HeatRow[];
  /** Texts under the columns; those that do not fit are left out. */
  readonly columns: readonly string[];
};

/** Levels below the limit that are told apart by strength of colour. */
const LEVELS = 6;

/** Draws cells that get stronger up to their limit and change their colour beyond it. */
export function heatmap(data: Heatmap, width: number): Markup {
  const cell = { height: 20, gap: 2 };
  const charactersMax = width < 500 ? 15 : 30;
  const longest = Math.max(4, ...data.rows.map((row) => Math.min(charactersMax, row.label.length)));
  const left = textWidth(longest) + 10;
  const step = (width - left) / Math.max(1, data.columns.length);
  const rows = data.rows.map((row, at) => {
    const y = at * (cell.height + cell.gap);
    const label = html`<text class="tick" x="${px(left - 8)}" y="${y + 14}" text-anchor="end">${clip(row.label, charactersMax)}</text>`;
    const cells = row.cells.map((value, index) => {
      const look =
        value === undefined
          ? 'h-none'
          : value.ratio >= 1
            ? value.ratio >= 2
              ? 'h-far'
              : 'h-over'
            : `h${level(value.ratio)}`;
      const tip = value === undefined ? '' : html` data-tip="${value.tip}"`;
      return html`<rect class="${look}" x="${px(left + index * step)}" y="${y}" width="${px(Math.max(1, step - cell.gap))}" height="${cell.height}" rx="2"${tip}/>`;
    });
    return html`${label}${cells}`;
  });
  const bottom = data.rows.length * (cell.height + cell.gap);
  const every = Math.max(1, Math.ceil((textWidth(6) + 8) / step));
  const labels = data.columns.map((label, index) =>
    index % every === 0
      ? html`<text class="tick" x="${px(left + index * step)}" y="${bottom + 14}">${label}</text>`
      : '',
  );
  return drawing({ ...data, width, height: bottom + 20 }, html`${rows}${labels}`);
}

function level(ratio: number): number {
  return Math.min(LEVELS - 1, Math.max(0, Math.floor(ratio * LEVELS)));
}
