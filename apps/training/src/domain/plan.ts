import type { PipelineSpec } from '@millrace/learning';

/** A column that a model learns from. */
export interface InputColumn {
  readonly name: string;
  /** `number` becomes a float32 input, `text` a text input. */
  readonly kind: 'number' | 'text';
}

/** How training rows are cross-validated. */
export interface CrossValidationPlan {
  readonly kind: 'time_series' | 'k_fold';
  readonly folds: number;
  /** A seeded sample of at most so many rows; 0: all. */
  readonly rowsMax: number;
  /** Microseconds before each test fold whose rows do not train; time series only. */
  readonly gapUs: number;
}

/** A training as plain data, with every default filled in: all that the work needs besides the rows. */
export interface TrainingPlan {
  readonly columns: readonly InputColumn[];
  readonly pipeline: PipelineSpec;
  /** Rows at or after this moment test (microseconds since 1970), or the newest share of the rows does. */
  readonly split: { readonly testStartUs: number } | { readonly testFraction: number };
  readonly crossValidation: CrossValidationPlan | undefined;
  /** Whether the newest tenth of the rows to fit on is held back to steer early stopping. */
  readonly stopsEarly: boolean;
  readonly parityTolerance: number;
  /** 0: as many as the process may use. Results do not depend on it. */
  readonly threads: number;
}
