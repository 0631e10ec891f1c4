/** What a benchmark prints: measures, as one JSON object a line or as a table. */

/** One figure. */
export interface Measure {
  /** What was exercised, for example `ingest`. */
  readonly area: string;
  /** The work, with its size. */
  readonly work: string;
  /** Who did it: `millrace`, or a floor beside it. */
  readonly subject: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** What is to be reached; undefined for floors and for figures told for orientation. */
  readonly target?: Target | undefined;
}

/** The bound of a figure: it is met when the value is at least, or below. */
export type Target = { readonly atLeast: number } | { readonly below: number };

/** Whether a measure meets its target; undefined where it has none. */
export function isMet({ value, target }: Measure): boolean | undefined {
  if (!target) return undefined;
  return 'atLeast' in target ? value >= target.atLeast : value < target.below;
}

/** A measure as a line of JSON: `{area, work, subject, metric, value, unit, target, ok}`; without a target both are null. */
export function toJsonLine(measure: Measure): string {
  const { area, work, subject, metric, value, unit, target } = measure;
  const bound = target ? ('atLeast' in target ? target.atLeast : target.below) : null;
  return JSON.stringify({ area, work, subject, metric, value, unit, target: bound, ok: isMet(measure) ?? null });
}

/** The measures as lines of a table, with `✓` or `✗` where there is a target. */
export function toTable(measures: readonly Measure[]): string {
  const head = ['area', 'work', 'subject', 'metric', 'value', 'unit', 'target', ''];
  const rows = measures.map((measure) => {
    const { area, work, subject, metric, value, unit, target } = measure;
    const met = isMet(measure);
    const mark = met === undefined ? '' : met ? '✓' : '✗';
    return [area, work, subject, metric, figure(value), unit, target ? boundText(target) : '', mark];
  });
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 4 || i === 6 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}

/** The `q` quantile of some values, nearest rank below. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
}

/** A value with the digits that mean something. */
export function rounded(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

function boundText(target: Target): string {
  return 'atLeast' in target ? `≥ ${figure(target.atLeast)}` : `< ${figure(target.below)}`;
}

function figure(value: number): string {
  return rounded(value).toLocaleString('en-US', { maximumFractionDigits: 6 });
}
