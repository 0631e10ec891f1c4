import type { CalibrationBin, Interval, Parity, RocPoint } from '@millrace/learning';
import type { ColumnProfile } from '@millrace/profiles';
import type { CrossValidationPlan, TrainingPlan } from '../domain/plan.ts';
import type { Rows } from './rows.ts';

/** The computing steps of a training. */
export type Phase = 'cross_validate' | 'fit' | 'test' | 'parity' | 'profile';

/** How far a worker thread has come. */
export interface Progress {
  readonly phase: Phase;
  /** Share of the thread's part in the phase that is done. */
  readonly share: number;
  readonly message: string;
  /** A boosting round or an iteration of the final fit. */
  readonly round?: { readonly round: number; readonly trainingLoss?: number; readonly validationLoss?: number };
}

/** What one fold works on. */
export interface FoldInput {
  readonly plan: TrainingPlan;
  readonly crossValidation: CrossValidationPlan;
  /** The training rows. */
  readonly train: Rows;
  /** From 0. */
  readonly fold: number;
  /** At least 1. */
  readonly threads: number;
}

/** A fold of a cross-validation. */
export interface FoldResult {
  readonly trainRows: number;
  readonly testRows: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** What the final fit works on. */
export interface FitInput {
  readonly plan: TrainingPlan;
  readonly train: Rows;
  readonly test: Rows;
  /** At least 1. */
  readonly threads: number;
  /** Goes into the ONNX file's metadata; nothing that differs between two attempts. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What the final fit gives; the model's bytes move out of its thread. */
export interface FitResult {
  readonly model: Uint8Array;
  /** Of the predictions for the test rows, as float32, which serving gives; its name is `prediction`. */
  readonly predictionProfile: ColumnProfile;
  readonly metrics: Readonly<Record<string, number>>;
  readonly intervals: Readonly<Record<string, Interval>>;
  readonly parity: Parity;
  readonly rounds: number;
  readonly importances: readonly { readonly feature: string; readonly gain: number }[];
  readonly roc: readonly RocPoint[];
  readonly calibration: readonly CalibrationBin[];
  /** Inputs that may be missing. */
  readonly optionalInputs: readonly string[];
  readonly seconds: Readonly<Record<'fit' | 'test' | 'parity', number>>;
}
