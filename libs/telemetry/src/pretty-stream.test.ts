import { stripVTControlCharacters } from 'node:util';
import { expect, test } from '@jest/globals';
import { prettyLine } from './pretty-stream.ts';

test('a line for people names time, level, place, message and facts, and lets no control character through', () => {
  const line = prettyLine({
    level: 'warn',
    time: '2026-01-02T03:04:05.678Z',
    'service.name': 'ingestion',
    logger: 'store',
    message: 'slow\nquery \x1b[2J',
    rows: 3,
    trace_id: 'ff',
  });
  expect(stripVTControlCharacters(line)).toBe('03:04:05.678 WARN  ingestion/store slow query  rows=3');
  expect(line).not.toContain('\x1b[2J');
});
