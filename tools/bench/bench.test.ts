import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { isMet, type Measure, quantile, toJsonLine, toTable } from './measure.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const measure: Measure = {
  area: 'ingest',
  work: 'w',
  subject: 'millrace',
  metric: 'rate',
  value: 1234.5,
  unit: 'rows/s',
};

function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((done) => {
    execFile(process.execPath, ['--no-warnings', MAIN, ...args], (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

test('a target is a bound from below that may be met exactly, or a bound from above that may not', () => {
  expect(isMet(measure)).toBeUndefined();
  expect(isMet({ ...measure, value: 10, target: { atLeast: 10 } })).toBe(true);
  expect(isMet({ ...measure, value: 9.99, target: { atLeast: 10 } })).toBe(false);
  expect(isMet({ ...measure, value: 10, target: { below: 10 } })).toBe(false);
  expect(isMet({ ...measure, value: Number.NaN, target: { below: 10 } })).toBe(false);
});

test('a line of JSON has the eight keys, null for what a floor has not', () => {
  const rest = { area: 'ingest', work: 'w', subject: 'millrace', metric: 'rate', value: 1234.5, unit: 'rows/s' };
  expect(JSON.parse(toJsonLine(measure))).toEqual({ ...rest, target: null, ok: null });
  expect(JSON.parse(toJsonLine({ ...measure, target: { below: 4 } }))).toEqual({ ...rest, target: 4, ok: false });
});

test('the table marks what was met and what was missed', () => {
  const lines = toTable([
    measure,
    { ...measure, target: { atLeast: 1000 } },
    { ...measure, target: { below: 4 } },
  ]).split('\n');
  expect(lines).toHaveLength(5);
  expect(lines[2]).toMatch(/1,235 {2}rows\/s$/);
  expect(lines[3]).toMatch(/≥ 1,000 {2}✓$/);
  expect(lines[4]).toMatch(/< 4 {2}✗$/);
});

test('a quantile is a value that was seen', () => {
  const values = [5, 1, 4, 2, 3];
  expect([0, 0.5, 0.99, 1].map((q) => quantile(values, q))).toEqual([1, 3, 4, 5]);
});

test('what cannot be measured is told, and nothing is run', async () => {
  const wrongArea = await run('main', '--only', 'ingest,speed');
  expect(wrongArea).toMatchObject({ code: 2, out: '' });
  expect(wrongArea.err).toContain('no area is named "speed"');
  expect(await run('all')).toMatchObject({ code: 2, out: '' });
  const help = await run('--help');
  expect(help.code).toBe(0);
  expect(help.out).toContain('training-set');
}, 30_000);
