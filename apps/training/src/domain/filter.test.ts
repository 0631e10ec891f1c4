import { expect, test } from '@jest/globals';
import { parseFilter, parseOrder } from './filter.ts';

const metric = (key: string) => ({ of: 'metrics', key }) as const;
const compare = (identifier: object, operator: string, ...values: (string | number)[]) => ({
  kind: 'compare',
  identifier,
  operator,
  values,
});

test('comparisons in the words of MLflow', () => {
  expect(parseFilter('')).toBeUndefined();
  expect(parseFilter('metrics.auc > 0.7')).toEqual(compare(metric('auc'), '>', 0.7));
  expect(parseFilter('metric."a b" <= -1e-3')).toEqual(compare(metric('a b'), '<=', -0.001));
  expect(parseFilter("params.`x-y` LIKE 'a%'")).toEqual(compare({ of: 'params', key: 'x-y' }, 'LIKE', 'a%'));
  expect(parseFilter("tag.mlflow.user != 'it''s'")).toEqual(compare({ of: 'tags', key: 'mlflow.user' }, '!=', "it's"));
  expect(parseFilter("status = 'FINISHED'")).toEqual(compare({ of: 'attributes', key: 'status' }, '=', 'FINISHED'));
  expect(parseFilter('run_id not in (\'a\', "b")')).toEqual(
    compare({ of: 'attributes', key: 'run_id' }, 'NOT IN', 'a', 'b'),
  );
});

test('AND binds tighter than OR, parentheses tighter than both', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((key) => compare(metric(key), '>', 0));
  const or = (...parts: unknown[]) => ({ kind: 'or', parts });
  const and = (...parts: unknown[]) => ({ kind: 'and', parts });
  const text = (key: string) => `metrics.${key} > 0`;
  expect(parseFilter(`${text('a')} or ${text('b')} and ${text('c')}`)).toEqual(or(a, and(b, c)));
  expect(parseFilter(`(${text('a')} OR ${text('b')}) AND ${text('c')}`)).toEqual(and(or(a, b), c));
});

test('an order is ascending unless it says otherwise', () => {
  expect(parseOrder('metrics.auc DESC')).toEqual({ identifier: metric('auc'), descending: true });
  expect(parseOrder('start_time')).toEqual({
    identifier: { of: 'attributes', key: 'start_time' },
    descending: false,
  });
  expect(() => parseOrder('metrics.auc DOWN')).toThrow('character 13');
});

test.each([
  ['metrics.auc >', 14, 'a number'],
  ['metrics.auc > 0.7 metrics.b > 1', 19, 'AND, OR or the end'],
  ["metrics.auc > '0.7'", 15, 'a number'],
  ["metrics.auc LIKE 'a'", 13, 'LIKE cannot compare'],
  ["params.a > 'x'", 10, '> cannot compare'],
  ['params.a = x', 12, 'a text in quotes'],
  ["params.a = 'x", 12, 'not closed'],
  ["metrcs.a = 'x'", 1, 'Did you mean "metrics"'],
  ["attributes.statu = 'x'", 12, 'Did you mean "status"'],
  ['(metrics.a > 1', 15, '")"'],
  ["run_id NOT 'a'", 12, 'IN behind NOT'],
  ["params.a = 'x'; drop table runs", 15, '";" has no meaning'],
  [`${'('.repeat(30)}metrics.a > 1`, 22, 'parentheses'],
])('%s is refused at character %d', (text, at, what) => {
  let error: unknown;
  try {
    parseFilter(text);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ reason: 'FILTER_INVALID', violations: [{ field: 'filter' }] });
  expect((error as Error).message).toContain(`at character ${at}: `);
  expect((error as Error).message).toContain(what);
});
