import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A linear model as scikit-learn fitted it. */
interface ReferenceModel {
  readonly coef: readonly number[];
  readonly intercept: number;
}

/** The content of reference.json, written by reference.py with the versions named in it. */
export interface Reference {
  readonly versions: Readonly<Record<string, string>>;
  readonly binary: {
    readonly labels: readonly number[];
    readonly probabilities: readonly number[];
    readonly other: readonly number[];
    readonly auc: number;
    readonly auc_other: number;
    readonly log_loss: number;
    readonly brier: number;
    readonly accuracy: number;
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    readonly calibration: { readonly observed: readonly number[]; readonly predicted: readonly number[] };
    readonly roc: {
      readonly fpr: readonly number[];
      readonly tpr: readonly number[];
      readonly thresholds: readonly number[];
    };
    readonly auc_deviation: number;
    readonly difference_deviation: number;
  };
  readonly regression: {
    readonly labels: readonly number[];
    readonly values: readonly number[];
    readonly rmse: number;
    readonly mae: number;
    readonly r2: number;
  };
  readonly models: {
    readonly features: readonly (readonly number[])[];
    readonly weights: readonly number[];
    readonly binary: readonly number[];
    readonly numeric: readonly number[];
    readonly logistic: Readonly<Record<string, ReferenceModel>>;
    readonly ridge: ReferenceModel & { readonly alpha: number };
    readonly ols: ReferenceModel;
  };
  readonly preprocessing: {
    readonly gaps: readonly (readonly (number | null)[])[];
    readonly mean: readonly (readonly number[])[];
    readonly median: readonly (readonly number[])[];
    readonly most_frequent: readonly (readonly number[])[];
    readonly standard: readonly (readonly number[])[];
    readonly min_max: readonly (readonly number[])[];
    readonly indicator: readonly (readonly number[])[];
  };
  readonly splits: Readonly<
    Record<'kfold' | 'time' | 'time_gap', readonly { readonly train: number[]; readonly test: number[] }[]>
  >;
}

/** What scikit-learn says; see reference.py. */
export const reference: Reference = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/reference.json'), 'utf8'),
);
