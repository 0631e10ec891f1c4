import type { Value } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { FeatureStatus } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { AppError } from '@millrace/kernel';
import type { LookedUp } from '../feature-lookup.ts';
import type { NumericValues, TensorValues } from './datatypes.ts';
import type { ModelInput, ModelPlan } from './model-plan.ts';

/**
 * Fills the inputs that the request has not given with looked-up features: missing numbers become NaN, missing texts
 * empty. Gives how many values were missing.
 *
 * @throws AppError FAILED_PRECONDITION `FEATURE_NOT_SERVED`, `FEATURE_VALUE_MISSING` (whole numbers know no missing value).
 */
export function fillColumns(
  plan: ModelPlan,
  columns: (TensorValues | undefined)[],
  rows: number,
  found: LookedUp,
): number {
  let missing = 0;
  for (const [i, input] of plan.inputs.entries()) {
    if (columns[i] !== undefined) continue;
    const position = found.index.get(input.name);
    const vector = position === undefined ? undefined : found.vectors[position];
    if (vector === undefined || vector.values.length < found.from + rows) throw notServed(plan, input);
    const values = input.type.make(rows);
    for (let row = 0; row < rows; row++) {
      const status = vector.statuses[found.from + row];
      if (status === FeatureStatus.NOT_FOUND || status === FeatureStatus.NULL_VALUE) missing++;
      put(values, row, vector.values[found.from + row]?.kind, input);
    }
    columns[i] = values;
  }
  return missing;
}

function put(values: TensorValues, row: number, kind: Value['kind'] | undefined, input: ModelInput): void {
  const value = kind?.value;
  if (Array.isArray(values)) values[row] = value === undefined ? '' : String(value);
  else if (values instanceof Float32Array || values instanceof Float64Array) {
    values[row] = value === undefined ? Number.NaN : Number(value);
  } else if (value === undefined) {
    throw new AppError(
      'FAILED_PRECONDITION',
      `Feature "${input.name}" is missing, and the model takes whole numbers.`,
      {
        reason: 'FEATURE_VALUE_MISSING',
        fields: { feature: input.name },
      },
    );
  } else {
    const isBig = values instanceof BigInt64Array || values instanceof BigUint64Array;
    (values as NumericValues)[row] = (isBig ? BigInt(value) : Number(value)) as never;
  }
}

function notServed({ features }: ModelPlan, { name }: ModelInput): AppError {
  return new AppError(
    'FAILED_PRECONDITION',
    `Feature service "${features?.service}" gives no column "${name}", which the model takes. Send it with the request, or deploy a model that fits.`,
    { reason: 'FEATURE_NOT_SERVED', fields: { feature: name, feature_service: features?.service ?? '' } },
  );
}
