import type { ActionKind } from '../domain/outputs.ts';
import type { StepAction } from './action.ts';
import { ingest, replay, validate } from './data.ts';
import { materialize, trainingSet } from './features.ts';
import { deploy, monitor, promote, register, train } from './models.ts';

/** How each kind of step is done. */
export const ACTIONS: Readonly<Record<ActionKind, StepAction>> = {
  ingest,
  replay,
  validate,
  trainingSet,
  materialize,
  train,
  register,
  promote,
  deploy,
  monitor,
};
