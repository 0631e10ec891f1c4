import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AppError } from '@millrace/kernel';
import { compileExpression } from './compile.ts';
import { compileEvaluator } from './evaluate.ts';
import { columnsOf } from './expression.ts';
import { toSql } from './sql.ts';
import { openTestDuckDb, type TestDuckDb } from './testing.ts';
import type { ColumnSchema, Value } from './types.ts';

let db: TestDuckDb;
beforeAll(async () => {
  db = await openTestDuckDb();
});
afterAll(() => db.close());

const schema: ColumnSchema[] = [
  { name: 'date', type: 'timestamp' },
  { name: 'delay', type: 'int64' },
  { name: 'distance', type: 'float64' },
  { name: 'origin', type: 'string' },
  { name: 'late', type: 'boolean' },
  { name: 'day', type: 'date' },
];
const compile = (text: string) => compileExpression(text, { schema, serializeSql: db.serializeSql, field: 'f' });

// Expected values by hand, from SQL's definition of each operation.
const row = {
  date: 978_307_200_000_000n + 3_661_000_000n,
  delay: 20n,
  distance: 2.5,
  origin: 'JFK',
  late: null,
  day: 0n,
};
const cases: [string, Value][] = [
  ['case when delay >= 15 then 1 else 0 end', 1n],
  ["case delay when 20 then 'x' end", 'x'],
  ['delay / 8', 2.5],
  ['delay // 8', 2n],
  ['-7 % 3', -1n],
  ['delay / 0', null],
  ['9223372036854775807 + 1', null],
  ['-9223372036854775808', -(2n ** 63n)],
  ['9007199254740993 + delay', 9007199254741013n],
  ['date + to_minutes(greatest(delay, 0))', 978_307_200_000_000n + 3_661_000_000n + 1_200_000_000n],
  ["date + interval '90 minutes' - interval 1 hour", 978_307_200_000_000n + 3_661_000_000n + 1_800_000_000n],
  ['day + interval (delay) day', 20n * 86_400_000_000n],
  ['extract(hour from date)', 1n],
  ["date_part('isodow', date)", 1n],
  ["date_trunc('month', date)", 978_307_200_000_000n],
  ["date >= '2001-01-01' and date < date '2001-01-02'", true],
  ["date_diff('day', day, date)", 11_323n],
  ['round(distance)', 3],
  ['round(1.005, 2)', 1],
  ['cast(distance as int)', 2n],
  ['late and delay < 0', false],
  ['late or delay < 0', null],
  ['late is null', true],
  ['delay in (1, null)', null],
  ['delay not between 1 and 10', true],
  ["upper(substring(origin, 2, 2)) || '-' || lower(origin)", 'FK-jfk'],
  ["regexp_matches(origin, '^[A-K]\\w{2}$')", true],
  ["origin like '%F_'", true],
  ['coalesce(late, true)', true],
  ['nullif(delay, 20)', null],
  ['origin is distinct from null', true],
  ["try_cast('2001-02-29' as date)", null],
  ["'12'::int + 1", 13n],
  ['sqrt(-distance)', null],
  ['"DELAY" + 1', 21n],
];

test.each(cases)('%s', async (text, expected) => {
  expect(compileEvaluator(await compile(text))(row)).toEqual(expected);
});

const refused: [string, string, string, RegExp][] = [
  ['delay +', 'EXPRESSION_SYNTAX', '1:8', /syntax error/i],
  ["'éé🦆' || +", 'EXPRESSION_SYNTAX', '1:12', /syntax error/i],
  ['', 'EXPRESSION_SYNTAX', '', /empty/],
  ['delay, date', 'EXPRESSION_SYNTAX', '', /One expression/],
  ['delay from flights', 'EXPRESSION_SYNTAX', '', /One expression/],
  ['delay; drop table x', 'EXPRESSION_SYNTAX', '', /SELECT/],
  ['delay as x', 'EXPRESSION_SYNTAX', '', /alias/],
  ['delay\n + dleay', 'EXPRESSION_UNKNOWN_COLUMN', '2:4', /Did you mean "delay"/],
  ['x.delay', 'EXPRESSION_UNKNOWN_COLUMN', '1:1', /x\.delay/],
  ['1 + flor(distance)', 'EXPRESSION_UNKNOWN_FUNCTION', '1:5', /Did you mean "floor"/],
  ["'é' || origin || foo(1)", 'EXPRESSION_UNKNOWN_FUNCTION', '1:18', /foo/],
  ['delay + origin', 'EXPRESSION_TYPE', '1:7', /does not take \(int64, string\)/],
  ['case when delay then 1 end', 'EXPRESSION_TYPE', '1:11', /must be boolean/],
  ['case when late then 1 else origin end', 'EXPRESSION_TYPE', '1:28', /one type/],
  ['delay = origin', 'EXPRESSION_TYPE', '1:9', /one type/],
  ['cast(delay as date)', 'EXPRESSION_TYPE', '1:1', /cannot be cast/],
  ['null', 'EXPRESSION_TYPE', '1:1', /no type/],
  ["regexp_matches(origin, '(a+)+')", 'EXPRESSION_TYPE', '1:24', /group/],
  ['regexp_matches(origin, origin)', 'EXPRESSION_TYPE', '1:24', /literal/],
  ["date_part('century', date)", 'EXPRESSION_TYPE', '1:11', /one of/],
  ['interval 1 day', 'EXPRESSION_TYPE', '1:10', /interval/],
  ['123456789012345678901234567890', 'EXPRESSION_TYPE', '1:1', /64 bits/],
  ['now()', 'EXPRESSION_FORBIDDEN', '1:1', /clock/],
  ['current_timestamp', 'EXPRESSION_FORBIDDEN', '1:1', /clock/],
  ['random()', 'EXPRESSION_FORBIDDEN', '1:1', /deterministic/],
  ["getenv('HOME')", 'EXPRESSION_FORBIDDEN', '1:1', /settings/],
  ["read_text('/etc/passwd')", 'EXPRESSION_FORBIDDEN', '1:1', /files/],
  ['(select 1)', 'EXPRESSION_FORBIDDEN', '', /subquery/],
  ['delay in (select 1)', 'EXPRESSION_FORBIDDEN', '', /subquery/],
  ['sum(delay)', 'EXPRESSION_FORBIDDEN', '1:1', /aggregate/],
  ['sum(delay) over ()', 'EXPRESSION_FORBIDDEN', '1:1', /window/],
  ['[delay]', 'EXPRESSION_UNKNOWN_FUNCTION', '1:2', /list_value/],
  ['*', 'EXPRESSION_FORBIDDEN', '1:1', /name the columns/],
  ['?', 'EXPRESSION_FORBIDDEN', '', /parameter/],
  [`${'('.repeat(50)}${'-(1+'.repeat(120)}1${')'.repeat(170)}`, 'EXPRESSION_FORBIDDEN', '', /deeper/],
  ['x'.repeat(20_000), 'EXPRESSION_SYNTAX', '', /20000/],
];

test.each(refused)('refuses %#', async (text, reason, place, message) => {
  const error = await compile(text).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason, message: expect.stringMatching(message) });
  const { line, column, field } = (error as { fields: Record<string, string> }).fields;
  expect(field).toBe('f');
  if (place) expect(`${line}:${column}`).toBe(place);
});

test('a parser that gives statements, and throws typed errors, serves as well', async () => {
  const serializeSql = async (sql: string) => {
    const tree = (await db.serializeSql(sql)) as { error: boolean; statements: unknown[] };
    if (!tree.error) return tree.statements;
    const fields = { line: '2', column: '4' };
    throw new AppError('INVALID_ARGUMENT', 'bad. Mend the SQL. (line 2, column 4)', { reason: 'SQL_SYNTAX', fields });
  };
  const parse = (text: string) => compileExpression(text, { schema, serializeSql, field: 'f' });
  expect((await parse('delay + 1')).type).toBe('int64');
  const excerpt = '   + +\n     ^';
  await expect(parse('delay\n + +')).rejects.toMatchObject({
    reason: 'EXPRESSION_SYNTAX',
    fields: { line: '2', excerpt },
  });
});

test('the excerpt points at the place', async () => {
  await expect(compile('1 + dleay')).rejects.toMatchObject({ fields: { excerpt: '  1 + dleay\n      ^' } });
});

test('the printed SQL is canonical, and parses back to itself', async () => {
  const tree = await compile('CASE  when delay>=15 then 1 ELSE 0 end');
  expect(toSql(tree)).toBe(
    'CASE WHEN (CAST("delay" AS BIGINT) >= CAST(15 AS BIGINT)) THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END',
  );
  expect(columnsOf(tree)).toEqual(['delay']);
});
