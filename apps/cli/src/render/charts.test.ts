import { expect, test } from '@jest/globals';
import { bar, column, sparkline } from './bars.ts';
import { excerpt, placeOf } from './excerpt.ts';
import { histogram, topValues } from './histogram.ts';
import { lineageTree } from './lineage.ts';
import { stepLines, stepText } from './steps.ts';
import { createStyle, wantsColour } from './style.ts';
import { waterfall } from './waterfall.ts';
import { displayWidth } from './width.ts';

const style = createStyle(false);

test('sparklines reach from the least to the greatest value', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline([5, 5, 5])).toBe('▅▅▅');
  expect(sparkline([1, undefined, Number.NaN, 2])).toBe('▁  █');
  expect(sparkline([])).toBe('');
  expect(sparkline([0, 0, 1, 1], 2)).toBe('▁█');
});

test('bars are filled to an eighth', () => {
  expect(bar(0.5, 4)).toBe('██  ');
  expect(bar(1 / 8, 1)).toBe('▏');
  expect(bar(0.3, 10, '·')).toBe('███·······');
  expect([bar(2, 3), bar(-1, 3), bar(Number.NaN, 3)]).toEqual(['███', '   ', '   ']);
  expect(column(0.5, 2)).toEqual([' ', '█']);
  expect(column(0.75, 2)).toEqual(['▄', '█']);
});

test('a histogram has its axis below', () => {
  const bins = [
    { lower: 0, upper: 1, count: 10 },
    { lower: 1, upper: 2, count: 5 },
    { lower: 2, upper: 3, count: 0 },
  ];
  expect(histogram(bins, { width: 20, height: 2, label: String })).toEqual(['███', '██████', '─────────', '0       3']);
  expect(histogram([], { width: 20, label: String })).toEqual([]);
});

test('most frequent values with their share', () => {
  expect(
    topValues(
      [
        { value: 'ATL', count: 50 },
        { value: 'x', count: 25 },
      ],
      { width: 40, total: 100 },
    ),
  ).toEqual([`ATL  ${'█'.repeat(23)}  50  50.0 %`, `x    ${'█'.repeat(11)}▌${' '.repeat(11)}  25  25.0 %`]);
});

test('progress: one line a step that fits the width', () => {
  const steps = [
    { name: 'ingest', mark: 'succeeded', fraction: 1, rows: 3_000_000n, millis: 1240, message: 'flights@1' },
    { name: 'train', mark: 'running', fraction: 0.5, rows: 0, millis: 2000, message: 'round 50 of 100' },
    { name: 'deploy', mark: 'pending', fraction: 0, rows: 0, millis: undefined, message: '' },
  ] as const;
  expect(stepLines(steps, { width: 60, style })).toEqual([
    '✔ ingest  ████████  3,000,000 rows   1.24 s  flights@1',
    '▸ train   ████····                      2 s  round 50 of 100',
    '· deploy  ········',
  ]);
  for (const line of stepLines(steps, { width: 48, style })) expect(displayWidth(line)).toBeLessThanOrEqual(48);
  expect(steps.map(stepText)).toEqual([
    'ingest: succeeded, 3,000,000 rows, 1.24 s, flights@1',
    'train: running, 50 %, round 50 of 100',
    'deploy: pending',
  ]);
});

test('a place in a file is shown with a caret, tabs and long lines included', () => {
  expect(placeOf('dir/p.yaml:3:5: "steps" is unknown')).toEqual({
    path: 'dir/p.yaml',
    line: 3,
    column: 5,
    rest: '"steps" is unknown',
  });
  expect(placeOf('no place')).toBeUndefined();
  expect(excerpt('name: a\nsteps:\n\t- ingst: x\n', 3, 4)).toEqual(['3 |  - ingst: x', '  |    ^']);
  const [source, caret] = excerpt(`${'x'.repeat(500)}Y`, 1, 501, 80) as [string, string];
  expect(source[caret.indexOf('^')]).toBe('Y');
  expect(excerpt('one line', 9, 1)).toEqual([]);
});

test('lineage is a tree in which a shared part is drawn once', () => {
  const nodes = [
    { name: 'm', text: 'model' },
    { name: 's', text: 'set' },
    { name: 'd', text: 'data' },
    { name: 'f', text: 'file' },
  ];
  const edges = [
    { source: 's', target: 'm' },
    { source: 'd', target: 'm' },
    { source: 'd', target: 's' },
    { source: 'f', target: 'd' },
  ];
  expect(lineageTree('m', nodes, edges)).toEqual(['model', '├─ data', '│  └─ file', '└─ set', '   └─ data ↑']);
  expect(lineageTree('a', [], [{ source: 'a', target: 'a' }])).toEqual(['a', '└─ a ↑']);
});

test('a waterfall: indented, placed on the axis, many siblings as one line', () => {
  const span = (
    id: string,
    parent: string | undefined,
    name: string,
    startUs: number,
    durationUs: number,
    failed = false,
  ) => ({
    id,
    parent,
    name,
    service: 'svc',
    startUs,
    durationUs,
    failed,
  });
  const spans = [
    span('a', undefined, 'run', 1000, 1000),
    span('b', 'a', 'load', 1000, 500),
    ...Array.from({ length: 6 }, (_, i) => span(`q${i}`, 'b', 'query', 1000 + i * 50, 50)),
    ...Array.from({ length: 6 }, (_, i) => span(`s${i}`, 'c', 'step', 1500, 1)),
    ...Array.from({ length: 6 }, (_, i) => span(`t${i}`, `s${i}`, `part ${i}`, 1500, 1)),
    span('c', 'a', 'train', 1500, 500, true),
    span('d', 'gone', 'orphan', 1200, 1),
  ];
  // Siblings with spans of their own below them are not put together.
  expect(waterfall(spans, { width: 61, style }).filter((line) => line.includes('step'))).toHaveLength(6);
  const lines = waterfall(
    spans.filter((s) => !/^[st]\d/.test(s.id)),
    { width: 61, style },
  );
  expect(lines.map((line) => line.slice(0, 25).trimEnd())).toEqual([
    '',
    'run',
    '  load',
    '    query × 6',
    '  train',
    'orphan',
  ]);
  expect(lines[2]?.slice(32)).toBe(`${'█'.repeat(10)}${' '.repeat(13)}500 µs`);
  expect(waterfall(spans, { width: 61, style, minUs: 400 }).join('\n')).not.toContain('query');
  expect(waterfall(spans, { width: 61, style, minUs: 900 }).join('\n')).toContain('train');
  expect(waterfall(spans, { width: 61, style, linesMax: 2 }).at(-1)).toBe('… and 15 lines more');
  expect(waterfall([], { width: 61, style })).toEqual([]);
});

test('colours on terminals only, never with NO_COLOR', () => {
  expect(wantsColour(true, {})).toBe(true);
  expect(wantsColour(false, {})).toBe(false);
  expect(wantsColour(true, { NO_COLOR: '1' })).toBe(false);
  expect(wantsColour(true, { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false);
  expect(wantsColour(false, { FORCE_COLOR: '1' })).toBe(true);
  expect(wantsColour(true, { TERM: 'dumb' })).toBe(false);
  expect(createStyle(true).bad('x')).toBe('\u001b[31mx\u001b[39m');
});
