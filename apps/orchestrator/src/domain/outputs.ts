/** What a step does, as the field of `Step` that says so. */
export type ActionKind =
  | 'ingest'
  | 'replay'
  | 'validate'
  | 'trainingSet'
  | 'materialize'
  | 'train'
  | 'register'
  | 'promote'
  | 'deploy'
  | 'monitor';

/** Metrics that a training gives, by task; each is an output of `train`. */
const METRICS = ['auc', 'log_loss', 'brier', 'accuracy', 'ece', 'rmse', 'mae', 'r2'] as const;

const LOAD = ['datasetVersion', 'rows', 'quarantinedRows', 'ingestionRun'] as const;

/** The outputs of each action, as documented at `Step` in pipeline.proto. */
export const OUTPUTS: Readonly<Record<ActionKind, readonly string[]>> = {
  ingest: LOAD,
  replay: LOAD,
  validate: ['datasetVersion', 'verdict', 'rows', 'quarantinedRows', 'validationRun'],
  trainingSet: ['trainingSet', 'rows'],
  materialize: ['materialization', 'rows'],
  train: ['trainingJob', 'run', ...METRICS],
  register: ['modelVersion'],
  promote: ['decision', 'modelVersion'],
  deploy: ['deployment', 'modelVersion'],
  monitor: ['monitorRun', 'alerts'],
};
