import { expect, test } from '@jest/globals';
import { createStyle } from './style.ts';
import type { Column } from './table.ts';
import { table } from './table.ts';
import { clip, displayWidth, oneLine, pad } from './width.ts';

interface Row {
  readonly name: string;
  readonly rows: string;
  readonly about: string;
}

const columns: Column<Row>[] = [
  { title: 'NAME', value: (r) => r.name, priority: 0 },
  { title: 'ROWS', value: (r) => r.rows, align: 'right', priority: 1 },
  { title: 'ABOUT', value: (r) => r.about, priority: 2, widthMin: 10 },
];

const rows: Row[] = [
  { name: 'flights', rows: '3,000,000', about: 'One row a flight, as scheduled and as flown' },
  { name: '東京', rows: '7', about: 'wide' },
];

test('a table as wide as its content, numbers to the right', () => {
  expect(table(rows, columns, { width: 100 })).toEqual([
    'NAME          ROWS  ABOUT',
    'flights  3,000,000  One row a flight, as scheduled and as flown',
    '東京             7  wide',
  ]);
});

test('too narrow: the widest column ends in …', () => {
  expect(table(rows, columns, { width: 40 })).toEqual([
    'NAME          ROWS  ABOUT',
    'flights  3,000,000  One row a flight, a…',
    '東京             7  wide',
  ]);
});

test('narrower still: columns are dropped by priority, the first one stays', () => {
  expect(table(rows, columns, { width: 24 })[0]).toBe('NAME          ROWS');
  expect(table(rows, columns, { width: 10 })).toEqual(['NAME', 'flights', '東京']);
});

test.each([20, 33, 40, 57, 80])('no line is wider than %i', (width) => {
  const { bad } = createStyle(true);
  const coloured = rows.map((r) => ({ ...r, name: bad(r.name) }));
  for (const line of table(coloured, columns, { width })) expect(displayWidth(line)).toBeLessThanOrEqual(width);
});

test('cells stay on one line, and control characters of data do nothing to the terminal', () => {
  const lines = table([{ name: 'a\nb', rows: '\u0007', about: '\u009b2J' }], columns, { width: 60 });
  expect(lines).toHaveLength(2);
  expect(lines[1]).toBe(`a b      \ufffd  \ufffd2J`);
});

test('widths of texts: colours, wide and combining characters', () => {
  expect(displayWidth(createStyle(true).good('ok'))).toBe(2);
  expect(displayWidth('e\u0301')).toBe(1);
  expect(displayWidth('東京')).toBe(4);
  expect(clip('東京都', 4)).toBe('東…');
  expect(clip('short', 5)).toBe('short');
  expect(pad('7', 3, 'right')).toBe('  7');
  expect(oneLine('a\r\n\tb\u001b[31m')).toBe('a b\ufffd[31m');
});
