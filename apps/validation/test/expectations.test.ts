import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { Action, type ExpectationSchema } from '@millrace/contracts/millrace/validation/v1/data_contract';
import type { ExpectationResult } from '@millrace/contracts/millrace/validation/v1/validation_run';
import { createRig, type Rig } from './rig.ts';
import { makeRows, type Row, sqlOf } from './table.ts';

type Rule = NonNullable<MessageInitShape<typeof ExpectationSchema>['rule']>;

/** A rule about rows, and what a plain loop over the rows says about it. */
interface RowCase {
  readonly id: string;
  readonly rule: Rule;
  readonly rowCondition?: string;
  readonly isElement: (row: Row) => boolean;
  readonly isBroken: (row: Row) => boolean;
}

const rows = makeRows(500, 11);
const has =
  <K extends keyof Row>(column: K) =>
  (row: Row) =>
    row[column] !== null;
const all = () => true;
const duplicates = (key: (row: Row) => string | undefined) => {
  const counts = new Map<string | undefined, number>();
  for (const row of rows) counts.set(key(row), (counts.get(key(row)) ?? 0) + 1);
  return (row: Row) => key(row) !== undefined && (counts.get(key(row)) ?? 0) > 1;
};

const ROW_CASES: readonly RowCase[] = [
  {
    id: 'not-null',
    rule: { case: 'expectColumnValuesToNotBeNull', value: { column: 'x' } },
    isElement: all,
    isBroken: (row) => row.x === null,
  },
  {
    id: 'unique',
    rule: { case: 'expectColumnValuesToBeUnique', value: { column: 'x' } },
    isElement: all,
    isBroken: duplicates(({ x }) => (x === null ? undefined : String(x))),
  },
  {
    id: 'compound',
    rule: { case: 'expectCompoundColumnsToBeUnique', value: { columns: ['code', 'n'] } },
    isElement: all,
    isBroken: duplicates(({ code, n }) => (code === null && n === null ? undefined : `${code}|${n}`)),
  },
  {
    id: 'between',
    rule: {
      case: 'expectColumnValuesToBeBetween',
      value: { column: 'x', minValue: '-5', maxValue: '20', strictMax: true },
    },
    isElement: has('x'),
    isBroken: ({ x }) => x !== null && !(x >= -5 && x < 20),
  },
  {
    id: 'between-days',
    rule: {
      case: 'expectColumnValuesToBeBetween',
      value: { column: 'day', minValue: '2024-01-05T00:00:00Z', strictMin: true },
    },
    isElement: all,
    isBroken: ({ day }) => day <= '2024-01-05',
  },
  {
    id: 'in-set',
    rule: { case: 'expectColumnValuesToBeInSet', value: { column: 'code', valueSet: ['aa', "a'b", 'ä'] } },
    isElement: has('code'),
    isBroken: ({ code }) => code !== null && !['aa', "a'b", 'ä'].includes(code),
  },
  {
    id: 'in-set-numbers',
    rule: { case: 'expectColumnValuesToBeInSet', value: { column: 'n', valueSet: ['1', '2', '39'] } },
    isElement: has('n'),
    isBroken: ({ n }) => n !== null && ![1, 2, 39].includes(n),
  },
  {
    id: 'regex',
    rule: { case: 'expectColumnValuesToMatchRegex', value: { column: 'code', regex: '^[a-z]+$' } },
    isElement: has('code'),
    isBroken: ({ code }) => code !== null && !/^[a-z]+$/.test(code),
  },
  {
    id: 'length',
    rule: {
      case: 'expectColumnValueLengthsToBeBetween',
      value: { column: 'code', minValue: '2', maxValue: '2' },
    },
    isElement: has('code'),
    isBroken: ({ code }) => code !== null && [...code].length !== 2,
  },
  {
    id: 'pair',
    rule: { case: 'expectColumnPairValuesAToBeGreaterThanB', value: { columnA: 'n', columnB: 'x' } },
    isElement: ({ n, x }) => n !== null && x !== null,
    isBroken: ({ n, x }) => n !== null && x !== null && !(n > x),
  },
  {
    id: 'expression',
    rule: { case: 'expectRowExpressionToBeTrue', value: { expression: 'x + n > 10' } },
    isElement: all,
    isBroken: ({ n, x }) => n !== null && x !== null && !(x + n > 10),
  },
  {
    id: 'condition',
    rowCondition: "code = 'aa'",
    rule: { case: 'expectColumnValuesToBeBetween', value: { column: 'x', maxValue: '0' } },
    isElement: ({ code, x }) => code === 'aa' && x !== null,
    isBroken: ({ code, x }) => code === 'aa' && x !== null && x > 0,
  },
];

const present = rows.flatMap(({ x }) => (x === null ? [] : [x])).sort((a, b) => a - b);
const mean = present.reduce((a, b) => a + b, 0) / present.length;
const stdev = Math.sqrt(present.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (present.length - 1));
const distinct = new Set(rows.flatMap(({ code }) => code ?? [])).size;
/** Hyndman and Fan's type 7. */
const quantile = (q: number) => {
  const at = q * (present.length - 1);
  const [low, high] = [present[Math.floor(at)] as number, present[Math.ceil(at)] as number];
  return low + (at - Math.floor(at)) * (high - low);
};
/** Bounds so close around a value that no other figure fits. */
const around = (value: number) => ({ minValue: String(value - 1e-9), maxValue: String(value + 1e-9) });
const beyond = (value: number) => ({ minValue: String(value + 1e-6) });

const TABLE_CASES: readonly [string, Rule, boolean][] = [
  ['type', { case: 'expectColumnValuesToBeOfType', value: { column: 'n', type: DataType.INT64 } }, true],
  ['type-wrong', { case: 'expectColumnValuesToBeOfType', value: { column: 'n', type: DataType.STRING } }, false],
  ['columns', { case: 'expectTableColumnsToMatchSet', value: { columns: ['day', 'n', 'x', 'code', 'id'] } }, true],
  ['columns-fewer', { case: 'expectTableColumnsToMatchSet', value: { columns: ['day', 'n', 'x', 'code'] } }, false],
  ['rows', { case: 'expectTableRowCountToBeBetween', value: { minValue: 500n, maxValue: 500n } }, true],
  ['rows-more', { case: 'expectTableRowCountToBeBetween', value: { minValue: 501n } }, false],
  ['mean', { case: 'expectColumnMeanToBeBetween', value: { column: 'x', ...around(mean) } }, true],
  ['mean-more', { case: 'expectColumnMeanToBeBetween', value: { column: 'x', ...beyond(mean) } }, false],
  ['stdev', { case: 'expectColumnStdevToBeBetween', value: { column: 'x', ...around(stdev) } }, true],
  ['stdev-more', { case: 'expectColumnStdevToBeBetween', value: { column: 'x', ...beyond(stdev) } }, false],
  [
    'distinct',
    { case: 'expectColumnUniqueValueCountToBeBetween', value: { column: 'code', ...around(distinct) } },
    true,
  ],
  [
    'distinct-more',
    { case: 'expectColumnUniqueValueCountToBeBetween', value: { column: 'code', ...beyond(distinct) } },
    false,
  ],
  [
    'quantiles',
    {
      case: 'expectColumnQuantileValuesToBeBetween',
      value: {
        column: 'x',
        quantileRanges: [0.1, 0.5, 0.93].map((q) => ({
          quantile: q,
          minValue: quantile(q) - 1e-9,
          maxValue: quantile(q) + 1e-9,
        })),
      },
    },
    true,
  ],
  [
    'quantiles-more',
    {
      case: 'expectColumnQuantileValuesToBeBetween',
      value: { column: 'x', quantileRanges: [{ quantile: 0.5, minValue: quantile(0.5) + 1e-6 }] },
    },
    false,
  ],
];

let rig: Rig;
let results: Map<string, ExpectationResult>;

beforeAll(async () => {
  rig = await createRig();
  const warn = { action: Action.WARN };
  const contract = await rig.contract('table', {
    expectations: [
      ...ROW_CASES.map(({ id, rule, rowCondition = '' }) => ({ id, rule, rowCondition, ...warn })),
      ...TABLE_CASES.map(([id, rule]) => ({ id, rule, ...warn })),
    ],
  });
  const run = await rig.judge(await rig.add('table', sqlOf(rows)), contract);
  results = new Map(run.result?.expectations.map((result) => [result.expectation, result]));
});

afterAll(() => rig.stop());

test.each(ROW_CASES)('$id counts the rows that a plain loop counts', ({ id, isElement, isBroken }) => {
  const expected = rows.filter(isBroken).length;
  expect(expected).toBeGreaterThan(0);
  expect(expected).toBeLessThan(rows.length);
  const found = results.get(id);
  expect({
    elements: Number(found?.elementCount),
    unexpected: Number(found?.unexpectedCount),
    success: found?.success,
  }).toEqual({ elements: rows.filter(isElement).length, unexpected: expected, success: false });
  expect(found?.partialUnexpectedList).toHaveLength(Math.min(5, expected));
});

test.each(TABLE_CASES)('%s holds or not, as the figures say', (id, _, success) => {
  expect(results.get(id)?.success).toBe(success);
});

test('mostly is the share of rows that must pass', async () => {
  const broken = rows.filter(({ x }) => x !== null && x > 20).length;
  const share = (present.length - broken) / present.length;
  const rule: Rule = { case: 'expectColumnValuesToBeBetween', value: { column: 'x', maxValue: '20' } };
  const contract = await rig.contract('mostly', {
    expectations: [share, share + 1e-6].map((mostly, i) => ({ id: `m${i}`, rule, mostly, action: Action.WARN })),
  });
  const run = await rig.judge(await rig.add('mostly', sqlOf(rows)), contract);
  expect(run.result?.expectations.map(({ success }) => success)).toEqual([true, false]);
});

test('a rule that names no column of the table is told with its place, and the version stays a candidate', async () => {
  const contract = await rig.contract('wrong', {
    expectations: [
      { id: 'a', rule: { case: 'expectColumnValuesToNotBeNull', value: { column: 'nope' } } },
      { id: 'b', rule: { case: 'expectColumnValuesToBeBetween', value: { column: 'x', minValue: 'ten' } } },
      { id: 'c', rule: { case: 'expectRowExpressionToBeTrue', value: { expression: "read_text('/etc/passwd') = x" } } },
    ],
  });
  const version = await rig.add('wrong', sqlOf(rows));
  const { execution } = await rig.judge(version, contract);
  expect(execution?.failure?.reason).toBe('DATA_CONTRACT_INVALID');
  expect(execution?.failure?.violations).toHaveLength(3);
  expect(rig.ingestion.settled.some(({ name }) => name === version)).toBe(false);
});
