import Table from 'cli-table3';
import { clip, displayWidth, oneLine } from './width.ts';

/** A column of a table of `T`. */
export interface Column<T> {
  readonly title: string;
  /** The cell's text; may hold colours. */
  readonly value: (row: T) => string;
  readonly align?: 'left' | 'right';
  /** 0: always shown; columns with greater numbers are dropped first where the terminal is too narrow. Default 1. */
  readonly priority?: number;
  /** Narrowest it may be made before columns are dropped. Default: 12, or its content where that is narrower. */
  readonly widthMin?: number;
}

const GAP = 2;

const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' '.repeat(GAP),
};

/**
 * A table as lines of at most `width` characters: columns are narrowed to their least width, then dropped by priority,
 * and texts that still do not fit end in `…`.
 */
export function table<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  options: { width: number; title?: (text: string) => string },
): string[] {
  const cells = columns.map((column) => rows.map((row) => safe(column.value(row))));
  const widest = columns.map((column, i) =>
    (cells[i] as string[]).reduce((a, b) => Math.max(a, displayWidth(b)), displayWidth(column.title)),
  );
  const shown = fit(columns, widest, options.width);
  const title = options.title ?? ((text: string) => text);
  const drawn = new Table({
    chars: BARE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    head: shown.map(({ index, width }) => title(clip((columns[index] as Column<T>).title, width))),
    colAligns: shown.map(({ index }) => (columns[index] as Column<T>).align ?? 'left'),
    colWidths: shown.map(({ width }) => width),
  });
  for (let row = 0; row < rows.length; row++)
    drawn.push(shown.map(({ index, width }) => clip(cells[index]?.[row] ?? '', width)));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

/** Which columns are shown, and how wide. */
export function fit<T>(
  columns: readonly Column<T>[],
  widest: readonly number[],
  width: number,
): { index: number; width: number }[] {
  let shown = columns.map((column, index) => {
    const wanted = Math.max(1, widest[index] as number);
    return { index, priority: column.priority ?? 1, wanted, least: Math.min(wanted, column.widthMin ?? 12) };
  });
  const total = (key: 'wanted' | 'least') => shown.reduce((a, c) => a + c[key], 0) + GAP * (shown.length - 1);
  while (shown.length > 1 && total('least') > width) {
    const worst = shown.reduce((a, b) => (b.priority >= a.priority ? b : a));
    if (worst.priority === 0) break;
    shown = shown.filter((c) => c !== worst);
  }
  const result = shown.map((c) => ({ index: c.index, width: c.wanted, least: c.least }));
  for (let over = total('wanted') - width; over > 0; over--) {
    const widestOne = result.filter((c) => c.width > c.least).sort((a, b) => b.width - a.width)[0];
    if (!widestOne) break;
    widestOne.width--;
  }
  return result.map(({ index, width: columnWidth }) => ({ index, width: columnWidth }));
}

/** Cells hold one line; control characters other than our own colours are made harmless. */
function safe(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are written with this very character.
  return /\u001b\[\d/.test(text) ? text : oneLine(text);
}
