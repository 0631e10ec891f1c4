import { expect, test } from '@jest/globals';
import {
  count,
  day,
  decimal,
  interval,
  memory,
  milliseconds,
  moment,
  month,
  percent,
  seconds,
  shortCount,
  tiny,
} from './format.ts';
import { clip, escapeText, html } from './markup.ts';

test('figures carry their units and a readable count of digits', () => {
  expect([0.041, 3.2, 19.64, 97.4, 3725].map(seconds)).toEqual([
    '41 ms',
    '3.20 s',
    '19.6 s',
    '1 min 37 s',
    '1 h 02 min',
  ]);
  expect([812, 2214].map(memory)).toEqual(['812 MiB', '2.16 GiB']);
  expect([950, 9999, 21_813, 1_434_109].map(shortCount)).toEqual(['950', '9,999', '21.8 k', '1.43 M']);
  expect([count(1_434_109), decimal(-0.5, 1), percent(0.1834), milliseconds(1.314)]).toEqual([
    '1,434,109',
    '−0.5',
    '18.3 %',
    '1.31 ms',
  ]);
  expect([tiny(2.4e-7), tiny(0), interval([0.7, 0.72])]).toEqual(['2.4 × 10⁻⁷', '0', '0.700 to 0.720']);
});

test('times are read as UTC, and what is no time is shown as it is', () => {
  expect([day('2001-06-10T00:00:00Z'), moment('2026-11-23T16:29:30Z'), month('2001-04')]).toEqual([
    '10 Jun 2001',
    '23 Nov 2026, 16:29 UTC',
    'April 2001',
  ]);
  expect([day('soon'), month('spring')]).toEqual(['soon', 'spring']);
});

test.each([undefined, null, NaN, Infinity])('a figure of %p is a dash', (figure) => {
  for (const format of [count, shortCount, decimal, percent, tiny, seconds, milliseconds, memory])
    expect(format(figure)).toBe('–');
});

test('templates escape what is not markup', () => {
  expect(html`<p title="${'"a"'}">${['<b>', html`<i>${'&'}</i>`, null, undefined, false, 0]}</p>`.text).toBe(
    '<p title="&#34;a&#34;">&#60;b&#62;<i>&#38;</i>0</p>',
  );
  expect(escapeText('a\u202Eb\u0000c\nd')).toBe('a\uFFFDb\uFFFDc\nd');
});

test('clipping counts characters, not halves of them', () => {
  expect(clip('abc', 3)).toBe('abc');
  expect(clip('abcd', 3)).toBe('ab…');
  expect(clip('😀😀😀😀', 3)).toBe('😀😀…');
});
