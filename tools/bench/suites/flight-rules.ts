import type { MessageInitShape } from '@bufbuild/protobuf';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { ExpectationSchema } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { Action } from '@millrace/contracts/millrace/validation/v1/data_contract';

/** The twelve rules that all validators were measured with; the airports and the expression break many rows on purpose. */
const TOP = 'ATL ORD DFW LAX PHX IAH LAS DEN DTW MSP STL SFO EWR BOS SLC CVG CLT PIT BWI SEA'.split(' ');
const DESTINATION = '^[A-M][A-Z]{2}$';
const UNIQUE = ['date', 'origin', 'destination'];

type Rule = NonNullable<MessageInitShape<typeof ExpectationSchema>['rule']>;

const rules: readonly Rule[] = [
  { case: 'expectColumnValuesToNotBeNull', value: { column: 'delay' } },
  { case: 'expectCompoundColumnsToBeUnique', value: { columns: UNIQUE } },
  { case: 'expectColumnValuesToBeBetween', value: { column: 'delay', minValue: '-60', maxValue: '300' } },
  { case: 'expectColumnValuesToBeInSet', value: { column: 'origin', valueSet: TOP } },
  { case: 'expectColumnValuesToMatchRegex', value: { column: 'destination', regex: DESTINATION } },
  { case: 'expectColumnValuesToBeOfType', value: { column: 'distance', type: DataType.INT64 } },
  { case: 'expectTableRowCountToBeBetween', value: { minValue: 1n, maxValue: 10_000_000n } },
  {
    case: 'expectColumnQuantileValuesToBeBetween',
    value: { column: 'delay', quantileRanges: [{ quantile: 0.95, minValue: 0, maxValue: 120 }] },
  },
  { case: 'expectColumnPairValuesAToBeGreaterThanB', value: { columnA: 'distance', columnB: 'delay' } },
  { case: 'expectColumnMeanToBeBetween', value: { column: 'delay', minValue: '0', maxValue: '20' } },
  { case: 'expectColumnValuesToNotBeNull', value: { column: 'origin' } },
  { case: 'expectColumnUniqueValueCountToBeBetween', value: { column: 'origin', minValue: '10', maxValue: '1000' } },
];

/** The rules as expectations that warn, so that the version is published and every bad row is kept beside it. */
export const expectations: MessageInitShape<typeof ExpectationSchema>[] = rules.map((rule, i) => ({
  id: `rule-${i + 1}`,
  action: Action.WARN,
  ...(i === 10 && { mostly: 0.99 }),
  rule,
}));

const inTop = `origin IN (${TOP.map((code) => `'${code}'`).join(', ')})`;

/** One hand-written scan that gives the twelve answers. */
export function countsSql(file: string): string {
  return `SELECT count(*) FILTER (delay IS NULL), count(*) - count(DISTINCT hash(date, origin, destination)),
    count(*) FILTER (NOT delay BETWEEN -60 AND 300), count(*) FILTER (NOT ${inTop}),
    count(*) FILTER (NOT regexp_matches(destination, '${DESTINATION}')), any_value(typeof(distance)), count(*),
    quantile_cont(delay, 0.95), count(*) FILTER (NOT distance > delay), avg(delay), count(origin) / count(*),
    count(DISTINCT origin) FROM '${file}'`;
}

/** A hand-written query of every row that breaks a row rule, with the rules it breaks. */
export function failingRowsSql(file: string): string {
  const broken = [
    ['not_null', 'delay IS NULL'],
    ['unique', `count(*) OVER (PARTITION BY ${UNIQUE.join(', ')}) > 1`],
    ['between', 'NOT delay BETWEEN -60 AND 300'],
    ['in_set', `NOT ${inTop}`],
    ['regex', `NOT regexp_matches(destination, '${DESTINATION}')`],
    ['pair_gt', 'NOT distance > delay'],
  ].map(([name, condition]) => `CASE WHEN ${condition} THEN '${name}' END`);
  return `SELECT * FROM (SELECT *, list_filter([${broken.join(', ')}], lambda x: x IS NOT NULL) AS broken FROM '${file}')
    WHERE len(broken) > 0`;
}
