import type { CalibrationBin, Frame, Interval, Parity, RocPoint } from '@millrace/learning';
import type { ColumnProfile } from '@millrace/profiles';
import type { TrainingPlan } from '../domain/plan.ts';

/** What a training works on; the arrays move into its thread. */
export interface TrainInput {
  readonly plan: TrainingPlan;
  readonly frame: Frame;
  /** Microseconds since 1970, rising. */
  readonly times: Float64Array;
  readonly labels: Float64Array;
  /** At least 1. */
  readonly threads: number;
  /** Goes into the ONNX file's metadata; nothing that differs between two attempts. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The steps of a training in its thread, in their order. */
export type Phase = 'cross_validate' | 'fit' | 'test' | 'parity' | 'profile';

/** How far a training has come. */
export interface TrainProgress {
  readonly phase: Phase;
  /** Share of the phase that is done. */
  readonly share: number;
  readonly message: string;
  /** A boosting round or an iteration of the final fit. */
  readonly round?: { readonly round: number; readonly trainingLoss?: number; readonly validationLoss?: number };
}

/** A fold of a cross-validation. */
export interface FoldResult {
  readonly trainRows: number;
  readonly testRows: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** What a training gives; the model's bytes move out of its thread. */
export interface TrainOutput {
  readonly model: Uint8Array;
  readonly metrics: Readonly<Record<string, number>>;
  readonly intervals: Readonly<Record<string, Interval>>;
  readonly folds: readonly FoldResult[];
  readonly parity: Parity;
  readonly trainRows: number;
  readonly testRows: number;
  readonly rounds: number;
  readonly importances: readonly { readonly feature: string; readonly gain: number }[];
  readonly roc: readonly RocPoint[];
  readonly calibration: readonly CalibrationBin[];
  /** Inputs that may be missing. */
  readonly optionalInputs: readonly string[];
  readonly profile: { readonly rows: number; readonly columns: readonly ColumnProfile[] };
  readonly seconds: Readonly<Record<Phase, number>>;
}
