import type { MessageInitShape } from '@bufbuild/protobuf';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { AnomalyRules, DataContract } from '@millrace/contracts/millrace/validation/v1/data_contract';
import { Action } from '@millrace/contracts/millrace/validation/v1/data_contract';
import type { AnomalySchema } from '@millrace/contracts/millrace/validation/v1/validation_run';
import type { TableProfile } from '@millrace/profiles';
import { compareProfiles } from '@millrace/profiles';
import type { TableSchema } from '@millrace/tables';
import { dataTypeOf } from './types.ts';

/** A difference that is too great. */
export type FoundAnomaly = MessageInitShape<typeof AnomalySchema> & { action: Action };

/** Columns that the contract asks for and that are missing or of another type. They reject the version. */
export function schemaAnomalies(contract: DataContract, schema: TableSchema): FoundAnomaly[] {
  return contract.columns.flatMap((wanted): FoundAnomaly[] => {
    const field = schema.fields.find(({ name }) => name === wanted.name);
    if (!field) {
      const message = `Column "${wanted.name}" is missing.`;
      return [{ reason: 'COLUMN_MISSING', column: wanted.name, message, action: Action.FAIL }];
    }
    const type = dataTypeOf(field.type);
    if (wanted.type === DataType.UNSPECIFIED || wanted.type === type) return [];
    const message = `Column "${wanted.name}" is ${DataType[type]}, not ${DataType[wanted.type]}.`;
    return [{ reason: 'COLUMN_TYPE', column: wanted.name, message, action: Action.FAIL }];
  });
}

/** What the version before looked like. */
export interface Before {
  /** Rows that it added. */
  readonly addedRows: number;
  /** Profile of the rows that it added. */
  readonly addedProfile: TableProfile;
}

/** What the added rows differ in from those that the version before added. */
export function changeAnomalies(rules: AnomalyRules, before: Before, now: TableProfile): FoundAnomaly[] {
  const action = rules.action === Action.FAIL ? Action.FAIL : Action.WARN;
  return [...rowCountAnomalies(rules, before, now, action), ...columnAnomalies(rules, before, now, action)];
}

function rowCountAnomalies(rules: AnomalyRules, before: Before, now: TableProfile, action: Action): FoundAnomaly[] {
  if (before.addedRows === 0) return [];
  const ratio = now.rows / before.addedRows;
  const told = `The version added ${now.rows} rows, the one before ${before.addedRows}: ratio ${ratio.toFixed(3)}`;
  const { rowCountRatioMin: min, rowCountRatioMax: max } = rules;
  if (min !== undefined && ratio < min)
    return [{ reason: 'ROW_COUNT', value: ratio, threshold: min, message: `${told}, less than ${min}.`, action }];
  if (max !== undefined && ratio > max)
    return [{ reason: 'ROW_COUNT', value: ratio, threshold: max, message: `${told}, more than ${max}.`, action }];
  return [];
}

function columnAnomalies(rules: AnomalyRules, before: Before, now: TableProfile, action: Action): FoundAnomaly[] {
  const { nullShareChangeMax, driftMax } = rules;
  if (nullShareChangeMax === undefined && driftMax === undefined) return [];
  const found: FoundAnomaly[] = [];
  for (const { column, type, missing, metrics } of compareProfiles(before.addedProfile, now).columns) {
    const change = Math.abs(missing?.difference ?? 0);
    if (nullShareChangeMax !== undefined && change > nullShareChangeMax) {
      const message = `The share of missing values of "${column}" changed by ${change.toFixed(4)}, more than ${nullShareChangeMax}.`;
      found.push({ reason: 'NULL_SHARE', column, value: change, threshold: nullShareChangeMax, message, action });
    }
    // Time moves on: a column of times is expected to lie elsewhere than before.
    const drift = type === 'timestamp' ? 0 : (metrics?.jensenShannonDistance ?? 0);
    if (driftMax !== undefined && drift > driftMax) {
      const message = `The values of "${column}" lie ${drift.toFixed(4)} (Jensen–Shannon) from those before, more than ${driftMax}.`;
      found.push({ reason: 'DRIFT', column, value: drift, threshold: driftMax, message, action });
    }
  }
  return found;
}
