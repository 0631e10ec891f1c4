import { bar, column } from './bars.ts';
import { count, percent } from './format.ts';
import { clip, displayWidth, oneLine, pad } from './width.ts';

/** One bar of a histogram. */
export interface HistogramBin {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

/** A histogram as lines: bars of `height` lines, each bin two characters wide where `width` allows, and an axis below. */
export function histogram(
  bins: readonly HistogramBin[],
  options: { width: number; height?: number; label: (edge: number) => string },
): string[] {
  const shown = bins.slice(0, Math.max(1, options.width));
  if (shown.length === 0) return [];
  const height = options.height ?? 4;
  const binWidth = Math.max(1, Math.min(3, Math.floor(options.width / shown.length)));
  const most = shown.reduce((a, b) => Math.max(a, b.count), 0);
  const columns = shown.map((bin) =>
    column(most > 0 ? Math.max(bin.count / most, bin.count > 0 ? 0.03 : 0) : 0, height),
  );
  const lines = Array.from({ length: height }, (_, row) =>
    columns
      .map((cells) => (cells[row] as string).repeat(binWidth))
      .join('')
      .trimEnd(),
  );
  const span = shown.length * binWidth;
  const [low, high] = [
    options.label((shown[0] as HistogramBin).lower),
    options.label((shown.at(-1) as HistogramBin).upper),
  ];
  const gap = Math.max(1, span - displayWidth(low) - displayWidth(high));
  return [...lines, '─'.repeat(span), `${low}${' '.repeat(gap)}${high}`];
}

/** The most frequent values as lines: value, bar, count, share of `total`. */
export function topValues(
  values: readonly { readonly value: string; readonly count: number }[],
  options: { width: number; total: number; max?: number },
): string[] {
  const shown = values.slice(0, options.max ?? 5);
  const most = shown.reduce((a, b) => Math.max(a, b.count), 1);
  const names = shown.map(({ value }) => clip(oneLine(value) || "''", 24));
  const nameWidth = names.reduce((a, b) => Math.max(a, displayWidth(b)), 0);
  const counts = shown.map((v) => `${count(v.count)}  ${percent(options.total > 0 ? v.count / options.total : 0)}`);
  const countWidth = counts.reduce((a, b) => Math.max(a, displayWidth(b)), 0);
  const barWidth = Math.max(4, Math.min(30, options.width - nameWidth - countWidth - 4));
  return shown.map(
    (v, i) =>
      `${pad(names[i] as string, nameWidth)}  ${bar(v.count / most, barWidth)}  ${pad(counts[i] as string, countWidth, 'right')}`,
  );
}
