import type { Frame, FrameColumn } from './frame.ts';
import type { FittedPipeline } from './pipeline.ts';
import type { FittedColumn } from './preprocessor.ts';

/** Thresholds of one column that get edge rows, evenly chosen when there are more. */
const THRESHOLDS_MAX = 600;

/** Levels of one column that get edge rows. */
const LEVELS_MAX = 600;

/** Numbers at which float32 arithmetic, missing values and comparisons differ most easily. */
const EDGE_NUMBERS = [Number.NaN, Infinity, -Infinity, 0, -0, 3.4028234e38, -3.4028234e38, 1.4e-45, 16_777_217, -1];

/**
 * Rows on which a converted model most easily goes wrong: each is a row of `frame` with one column replaced, by a
 * missing value, an infinity, the largest and smallest numbers, each threshold of the model and its float32
 * neighbours, each known level, an unseen and an empty text.
 */
export function edgeRows(fitted: FittedPipeline, frame: Frame): Frame {
  const edits = fitted.columns.flatMap((column) => edgeValues(column, fitted).map((value) => ({ column, value })));
  const bases = Uint32Array.from(edits, (_, i) => (frame.rows === 0 ? 0 : i % Math.min(frame.rows, 97)));
  const columns: Record<string, FrameColumn> = {};
  for (const column of fitted.columns) {
    const source = frame.columns[column.name]!;
    if (source.kind === 'numeric') {
      const values = Float32Array.from(bases, (row) => source.values[row]!);
      for (const [i, edit] of edits.entries()) if (edit.column === column) values[i] = edit.value as number;
      columns[column.name] = { kind: 'numeric', values };
    } else {
      const texts = Array.from(bases, (row) => source.levels[source.codes[row]!] ?? '');
      for (const [i, edit] of edits.entries()) if (edit.column === column) texts[i] = edit.value as string;
      const levels = [...new Set(texts)];
      const codes = new Map(levels.map((level, code) => [level, code]));
      columns[column.name] = { kind: 'category', codes: Int32Array.from(texts, (text) => codes.get(text)!), levels };
    }
  }
  return { rows: edits.length, columns };
}

function edgeValues(column: FittedColumn, fitted: FittedPipeline): (number | string)[] {
  if (column.encoder) {
    const known = evenly(column.encoder.levels, LEVELS_MAX);
    const first = known[0] ?? 'a';
    return [...known, '', ' ', `${first} `, first.toLowerCase(), `never seen: ${first}`, '☃ \u{1f6eb}'];
  }
  const raw = column.steps.length === 0 ? evenly(Array.from(fitted.thresholds[column.name] ?? []), THRESHOLDS_MAX) : [];
  const numbers = [...EDGE_NUMBERS, ...raw.flatMap((t) => [t, neighbour(t, 1), neighbour(t, -1)])];
  return column.inputType === 'int64' ? numbers.filter(Number.isSafeInteger) : numbers;
}

/** The next float32 above (`by` 1) or below (-1). */
function neighbour(x: number, by: 1 | -1): number {
  if (!Number.isFinite(x)) return x;
  const float = Float32Array.of(x);
  if (float[0] === 0) return by * 1.401298464324817e-45;
  const bits = new Int32Array(float.buffer);
  bits[0]! += x > 0 ? by : -by;
  return float[0]!;
}

function evenly<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]!);
}
