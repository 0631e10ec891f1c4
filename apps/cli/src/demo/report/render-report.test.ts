import { expect, test } from '@jest/globals';
import { renderReport } from './render-report.ts';
import { fixtureReport } from './report.fixture.ts';
import type { ReportData } from './report-data.ts';

/** Copies a value with every text and number in it replaced. */
function mapped(
  value: unknown,
  text: (old: string, key: string) => unknown,
  number: (old: number) => unknown,
  key = '',
): unknown {
  if (typeof value === 'string') return text(value, key);
  if (typeof value === 'number') return number(value);
  if (Array.isArray(value)) return value.map((item) => mapped(item, text, number, key));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapped(item, text, number, name)]));
}

/** Tags that are opened but not closed, or closed but not opened, in order of appearance. */
function unbalanced(page: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const inert = page.replace(/(<script>|<style>)[\s\S]*?(<\/script>|<\/style>)/g, '$1$2');
  for (const [, close, tag = '', inner = ''] of inert.matchAll(/<(\/?)([a-z][a-z0-9]*)([^<>]*)>/gi)) {
    if (/^(meta|link|wbr|br|img)$/.test(tag) || inner.endsWith('/')) continue;
    if (!close) open.push(tag);
    else if (open.at(-1) === tag) open.pop();
    else wrong.push(`/${tag}`);
  }
  return [...wrong, ...open];
}

test('the page is one balanced document with all sections and nothing from outside', () => {
  const page = renderReport(fixtureReport());
  expect(unbalanced(page)).toEqual([]);
  for (const id of ['summary', 'happened', 'data', 'model', 'time', 'serving', 'lineage', 'further'])
    expect(page).toContain(`<section id="${id}"`);
  expect(page.match(/https?:[^ ]*/g)).toBeNull();
  for (const [, target] of page.matchAll(/(?:href|src)="([^"]*)"/g)) expect(target).toMatch(/^(#|data:,$)/);
  expect(page.match(/.{20}(?:NaN|undefined|Infinity|\[object)/g)).toBeNull();
});

test('every drawing has a name and a description, every table a caption, every id is unique', () => {
  const page = renderReport(fixtureReport());
  const drawings = page.match(/<svg role="img"/g)?.length ?? 0;
  expect(drawings).toBeGreaterThan(15);
  expect(page.match(/<svg role="img"[^>]*><title>[^<]+<\/title><desc>[^<]+<\/desc>/g)).toHaveLength(drawings);
  expect(page.match(/<caption>[^<]+/g)).toHaveLength(page.match(/<table>/g)?.length ?? -1);
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test('the same data give the same page', () => {
  expect(renderReport(fixtureReport())).toBe(renderReport(fixtureReport()));
});

test('thirty windows of fifteen columns stay below 1.5 MB', () => {
  expect(Buffer.byteLength(renderReport(fixtureReport(30, 15)))).toBeLessThan(1_500_000);
});

test('without data each part says so, and nothing is drawn', () => {
  const nothing: ReportData = { title: 'Nothing' };
  const hollow = mapped(
    fixtureReport(),
    () => '',
    () => null,
  ) as ReportData;
  const emptied = Object.fromEntries(
    Object.entries(fixtureReport()).map(([key, value]) => [key, Array.isArray(value) ? [] : value]),
  ) as ReportData;
  const page = renderReport(nothing);
  expect(page).not.toContain('<svg');
  expect(page.match(/class="empty"/g)).toHaveLength(19);
  expect(unbalanced(page)).toEqual([]);
  for (const data of [hollow, emptied]) expect(unbalanced(renderReport(data))).toEqual([]);
});

test.each([NaN, Infinity, -Infinity, -1, 0, 1e300])(
  'figures of %p never reach a drawing, and never stop the page',
  (figure) => {
    const page = renderReport(
      mapped(
        fixtureReport(),
        (text) => text,
        () => figure,
      ) as ReportData,
    );
    expect(page.match(/ (?:d|c?x|c?y|r|width|height|viewBox|style)="[^"]*(?:NaN|Infinity)[^"]*"/g)).toBeNull();
    expect(unbalanced(page)).toEqual([]);
  },
);

test.each([
  '</script><script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'&<>`\u202Etxt.exe\u0000\uD800",
  'x'.repeat(10_000),
])('a hostile text %# stays text wherever it stands', (hostile) => {
  const keep = new Set(['windowStart', 'windowEnd', 'raised', 'day', 'type']);
  const page = renderReport(
    mapped(
      fixtureReport(),
      (text, key) => (keep.has(key) ? text : hostile),
      (number) => number,
    ) as ReportData,
  );
  expect(page.match(/<script/g)).toHaveLength(1);
  expect(page.match(/<img|\u202E/g)).toBeNull();
  expect(page.includes('\u0000')).toBe(false);
  expect(page.isWellFormed()).toBe(true);
  expect(unbalanced(page)).toEqual([]);
});

test('names of rules, versions and consumers that are keys are escaped too', () => {
  const page = renderReport({
    title: '<b>',
    deadLettersByRule: { '<i>rule': 1 },
    predictions: { byVersion: { '<i>version': 2 } },
    lineage: {
      nodes: [{ name: '<i>node', kind: '<i>kind', attributes: { '<i>key': '<i>value' } }],
      edges: [{ source: '<i>node', target: 'nowhere' }],
    },
  });
  expect(page).not.toMatch(/<i>|<b><|<title><b>/);
});
