import type { FitPipelineOptions } from '@millrace/learning';
import type { TrainingPlan } from '../domain/plan.ts';
import type { Rows } from './rows.ts';
import { holdBack } from './rows.ts';

/** The rows to learn from and the options of a fit; with early stopping the newest tenth only steers. */
export function fitOptions(
  rows: Rows,
  plan: TrainingPlan,
  { threads, signal }: { readonly threads: number; readonly signal: AbortSignal },
): { rows: Rows; given: FitPipelineOptions } {
  if (!plan.stopsEarly) return { rows, given: { threads, signal } };
  const { fit, validation } = holdBack(rows);
  return { rows: fit, given: { threads, signal, validation: { frame: validation.frame, labels: validation.labels } } };
}
