import { duration } from './format.ts';
import type { Style } from './style.ts';
import { clip, oneLine, pad } from './width.ts';

/** A span, ready to be drawn. */
export interface SpanView {
  readonly id: string;
  readonly parent: string | undefined;
  readonly name: string;
  readonly service: string;
  /** Microseconds since any moment that all spans share. */
  readonly startUs: number;
  readonly durationUs: number;
  readonly failed: boolean;
}

/** From how many on, siblings of the same name and service that have no spans below them are drawn as one line. */
const GROUPED_FROM = 6;

interface Line {
  readonly depth: number;
  readonly text: string;
  readonly service: string;
  readonly startUs: number;
  readonly endUs: number;
  readonly busyUs: number;
  readonly failed: boolean;
}

/**
 * A trace as a waterfall: a line a span, indented below its parent, with its place on the time axis and its duration.
 * Six or more siblings of the same name, with nothing below them, are one line with their number and total time. Spans
 * shorter than `minUs` are left out unless they failed or one below them is drawn.
 */
export function waterfall(
  spans: readonly SpanView[],
  options: { width: number; style: Style; minUs?: number; linesMax?: number },
): string[] {
  if (spans.length === 0) return [];
  const { width, style } = options;
  const begin = spans.reduce((a, s) => Math.min(a, s.startUs), Number.POSITIVE_INFINITY);
  const end = spans.reduce((a, s) => Math.max(a, s.startUs + s.durationUs), 0);
  const all = linesOf(spans, options.minUs ?? 0);
  const shown = all.slice(0, options.linesMax ?? 200);
  const timeWidth = 8;
  const labelWidth = Math.max(16, Math.min(60, Math.floor(width * 0.42)));
  const serviceWidth = Math.min(
    14,
    spans.reduce((a, s) => Math.max(a, s.service.length), 0),
  );
  const axisWidth = Math.max(10, width - labelWidth - serviceWidth - timeWidth - 6);
  const lines = shown.map((line) => {
    const label = pad(clip(`${'  '.repeat(line.depth)}${line.text}`, labelWidth), labelWidth);
    const service = pad(clip(line.service, serviceWidth), serviceWidth);
    const axis = barAt(
      (line.startUs - begin) / (end - begin || 1),
      (line.endUs - begin) / (end - begin || 1),
      axisWidth,
    );
    const time = pad(duration(line.busyUs / 1000), timeWidth, 'right');
    const paint = line.failed ? style.bad : (text: string) => text;
    return `${paint(label)}  ${style.dim(service)}  ${line.failed ? style.bad(axis) : style.accent(axis)}  ${paint(time)}`.trimEnd();
  });
  const axis = `${' '.repeat(labelWidth + serviceWidth + 4)}${pad('0', axisWidth - 8)}${pad(duration((end - begin) / 1000), 8, 'right')}`;
  const left = all.length - shown.length;
  return [style.dim(axis), ...lines, ...(left > 0 ? [style.dim(`… and ${left} lines more`)] : [])];
}

/** A bar from one share of the width to another, at least one character long. */
function barAt(from: number, to: number, width: number): string {
  const first = Math.min(width - 1, Math.floor(from * width));
  const last = Math.max(first + 1, Math.min(width, Math.round(to * width)));
  return (
    ' '.repeat(first) +
    (last - first === 1 && to - from < 0.5 / width ? '▏' : '█'.repeat(last - first)) +
    ' '.repeat(width - last)
  );
}

function linesOf(spans: readonly SpanView[], minUs: number): Line[] {
  const ids = new Set(spans.map((s) => s.id));
  const children = new Map<string | undefined, SpanView[]>();
  for (const span of [...spans].sort((a, b) => a.startUs - b.startUs)) {
    const parent = span.parent !== undefined && ids.has(span.parent) ? span.parent : undefined;
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const lines: Line[] = [];
  const visited = new Set<string>();
  const visit = (parent: string | undefined, depth: number): void => {
    for (const group of grouped(children.get(parent) ?? [], (span) => !children.has(span.id))) {
      const [first] = group as [SpanView];
      if (group.length >= GROUPED_FROM) {
        const line = groupLine(group, depth);
        if (line.busyUs >= minUs || line.failed) lines.push(line);
        continue;
      }
      if (visited.has(first.id)) continue;
      visited.add(first.id);
      const at = lines.length;
      visit(first.id, depth + 1);
      if (lines.length > at || first.durationUs >= minUs || first.failed) lines.splice(at, 0, spanLine(first, depth));
    }
  };
  visit(undefined, 0);
  return lines;
}

/** Siblings: those of the same name and service together where they are many, else each on its own, in order of start. */
function grouped(siblings: readonly SpanView[], isLeaf: (span: SpanView) => boolean): SpanView[][] {
  const keyOf = (s: SpanView) => `${s.service}\n${s.name}\n${isLeaf(s) ? '' : s.id}`;
  const byName = Map.groupBy(siblings, keyOf);
  const many = new Set([...byName.values()].filter((group) => group.length >= GROUPED_FROM));
  const result: SpanView[][] = [];
  for (const span of siblings) {
    const group = byName.get(keyOf(span)) as SpanView[];
    if (!many.has(group)) result.push([span]);
    else if (group[0] === span) result.push(group);
  }
  return result;
}

function spanLine(span: SpanView, depth: number): Line {
  const { service, startUs, durationUs, failed } = span;
  return { depth, text: oneLine(span.name), service, startUs, endUs: startUs + durationUs, busyUs: durationUs, failed };
}

function groupLine(group: readonly SpanView[], depth: number): Line {
  const [first] = group as [SpanView];
  return {
    depth,
    text: `${oneLine(first.name)} × ${group.length}`,
    service: first.service,
    startUs: first.startUs,
    endUs: group.reduce((a, s) => Math.max(a, s.startUs + s.durationUs), 0),
    busyUs: group.reduce((a, s) => a + s.durationUs, 0),
    failed: group.some((s) => s.failed),
  };
}
