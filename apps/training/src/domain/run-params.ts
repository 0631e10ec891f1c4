import type { TrainingPlan } from './plan.ts';

/** Longest value of a parameter, in characters: longer ones are cut. */
export const PARAM_VALUE_MAX = 6000;

/** A plan as the flat parameters of a run: `estimator.num_leaves`-like paths, lists as JSON; threads left out. */
export function runParams(plan: TrainingPlan): Record<string, string> {
  const { columns, pipeline, split, crossValidation } = plan;
  const params: Record<string, string> = {
    task: pipeline.task,
    seed: String(pipeline.seed),
    features: JSON.stringify(columns.map(({ name }) => name)),
    estimator: pipeline.estimator.kind,
    parity_tolerance: String(plan.parityTolerance),
  };
  for (const [name, value] of Object.entries(pipeline.estimator.params ?? {}))
    params[`estimator.${name}`] = String(value);
  for (const [name, { steps }] of Object.entries(pipeline.preprocessing?.columns ?? {}))
    params[`preprocessing.${name}`] = steps.map((step) => describeStep({ ...step })).join(' > ');
  for (const [name, value] of Object.entries(split)) params[`split.${name}`] = String(value);
  for (const [name, value] of Object.entries(crossValidation ?? {})) params[`cross_validation.${name}`] = String(value);
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [key, value.slice(0, PARAM_VALUE_MAX)]));
}

function describeStep({ op, ...rest }: Record<string, unknown>): string {
  const given = Object.entries(rest).filter(([, value]) => value !== undefined && value !== false);
  return given.length === 0 ? String(op) : `${op}(${given.map(([name, value]) => `${name}=${value}`).join(', ')})`;
}
