import { create } from '@bufbuild/protobuf';
import type { Field } from '@millrace/contracts/millrace/common/v1/table';
import type { DataContract } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { Action, DataContractSchema } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { names } from '@millrace/kernel';
import type { ColumnProfile, TableProfile } from '@millrace/profiles';
import { estimateDistinct, isComplete } from '@millrace/profiles';

/** Distinct values up to which a text column is proposed as a set. */
const SET_MAX = 50;
/** How far proposed bounds lie beyond what was seen, as a share of the spread. */
const MARGIN = 0.1;

/**
 * Proposes a contract that holds on the profiled rows: types; no missing values where there are none; sets for columns of
 * few values that repeat; bounds with a margin for numbers. Broken rows are put aside.
 */
export function inferContract(dataset: string, fields: readonly Field[], profile: TableProfile): DataContract {
  const { workspace, dataset: id } = names.dataset.parse(dataset, 'dataset');
  return create(DataContractSchema, {
    name: names.dataContract.format({ workspace, dataContract: id }),
    dataset,
    description: `Proposed from ${profile.rows} rows.`,
    columns: fields.map(({ id: fieldId, name, type, nullable }) => ({ id: fieldId, name, type, nullable })),
    expectations: [
      ...profile.columns.flatMap(proposals),
      {
        id: 'rows-enough',
        action: Action.FAIL,
        rule: { case: 'expectTableRowCountToBeBetween', value: { minValue: 1n } },
      },
    ] as DataContract['expectations'],
  });
}

function proposals(column: ColumnProfile): object[] {
  const { name } = column;
  const id = name
    .toLowerCase()
    .replace(/[^a-z0-9_.-]/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  const found: object[] = [];
  const propose = (suffix: string, rule: object) =>
    found.push({ id: `${id}-${suffix}`, action: Action.QUARANTINE, rule });
  if (column.nulls === 0 && column.count > 0)
    propose('present', { case: 'expectColumnValuesToNotBeNull', value: { column: name } });
  if (column.kind === 'categorical' && column.type === 'string' && isSet(column))
    propose('known', {
      case: 'expectColumnValuesToBeInSet',
      value: { column: name, valueSet: column.top.entries.map((entry) => entry.value).sort() },
    });
  if (column.kind === 'numeric' && column.min !== null && column.max !== null) {
    const margin = MARGIN * (column.max - column.min || Math.abs(column.max) || 1);
    const [low, high] = [column.min - margin, column.max + margin];
    const bound = (x: number) => String(column.type === 'integer' ? Math.round(x) : Number(x.toPrecision(6)));
    const minValue = column.min >= 0 && low < 0 ? '0' : bound(low);
    propose('plausible', {
      case: 'expectColumnValuesToBeBetween',
      value: { column: name, minValue, maxValue: bound(high) },
    });
  }
  return found;
}

/** Few values, all known, each seen several times on average. */
function isSet(column: Extract<ColumnProfile, { kind: 'categorical' }>): boolean {
  const distinct = estimateDistinct(column.distinct);
  return isComplete(column.top) && column.top.entries.length > 0 && distinct <= SET_MAX && column.count >= 5 * distinct;
}
