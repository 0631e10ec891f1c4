import type { GroupSpec } from '../tree/spec.ts';

const MODEL = { name: '<model>', about: 'Id or name of the registered model', complete: 'model' } as const;
const VERSION = {
  name: '<version>',
  about: 'A version, flights@3, or the one of an alias, flights@champion',
  complete: 'model',
} as const;
const RUN = { name: '<run>', about: 'Id or name of the run', complete: 'run' } as const;

/** `millrace features …`. */
export const featureCommands: GroupSpec = {
  name: 'features',
  about: 'Feature views, feature services and their values',
  commands: [
    {
      name: 'ls',
      about: 'Lists the features of all views, or finds some by words',
      arguments: [{ name: '[words...]', about: 'Words in names and descriptions' }],
      examples: ['features ls', 'features ls late rate'],
      load: async () => (await import('../actions/features.ts')).listFeatures,
    },
    {
      name: 'get',
      about: 'Gives the features of a service for an entity, as they stand online',
      arguments: [{ name: '<service>', about: 'Id or name of the feature service', complete: 'featureService' }],
      options: [{ flags: '--key <column=value...>', about: 'Request columns: entity keys, event time, raw values' }],
      examples: ['features get flight-delays --key origin=ATL --key destination=JFK --key date=2001-04-01T09:30:00Z'],
      load: async () => (await import('../actions/features.ts')).getFeatures,
    },
    {
      name: 'plan',
      about: 'Tells what the entities, views and services of a pipeline file would change, and changes nothing',
      arguments: [{ name: '<file>', about: 'YAML file of pipelines; `-`: standard input', complete: 'file' }],
      examples: ['features plan examples/flight-delays/pipeline.yaml'],
      load: async () => (await import('../actions/features.ts')).planFeatures,
    },
  ],
};

/** `millrace runs …`. */
export const runCommands: GroupSpec = {
  name: 'runs',
  about: 'Training runs: parameters, metrics, artifacts',
  commands: [
    {
      name: 'ls',
      about: 'Lists runs, newest first',
      options: [
        { flags: '--experiment <experiment>', about: 'Only runs of this experiment' },
        { flags: '--filter <filter>', about: "MLflow's filter, for example `metrics.auc > 0.7`" },
        { flags: '--order-by <order>', about: 'For example `metrics.auc DESC`' },
        { flags: '--limit <n>', about: 'Most runs to list (default: 20)' },
      ],
      examples: [
        'runs ls --experiment flight-delays',
        'runs ls --filter "metrics.auc > 0.7" --order-by "metrics.auc DESC"',
      ],
      load: async () => (await import('../actions/runs.ts')).listRuns,
    },
    {
      name: 'show',
      about: 'Shows a run: parameters, metrics with their course, artifacts',
      arguments: [RUN],
      examples: ['runs show 01j8x0'],
      load: async () => (await import('../actions/runs.ts')).showRun,
    },
    {
      name: 'compare',
      about: 'Compares runs: metrics side by side, and the parameters in which they differ',
      arguments: [{ ...RUN, name: '<runs...>', about: 'Ids or names of the runs, at least two' }],
      examples: ['runs compare 01j8x0 01j8x1'],
      load: async () => (await import('../actions/runs.ts')).compareRuns,
    },
  ],
};

/** `millrace models …`. */
export const modelCommands: GroupSpec = {
  name: 'models',
  about: 'Registered models, their versions and aliases',
  commands: [
    {
      name: 'ls',
      about: 'Lists registered models',
      examples: ['models ls'],
      load: async () => (await import('../actions/models.ts')).listModels,
    },
    {
      name: 'show',
      about: 'Shows a model with its versions; or one version: metrics, parity, signature, origin',
      arguments: [
        { ...VERSION, name: '<model>', about: 'Model, a version (flights@3) or an alias (flights@champion)' },
      ],
      examples: ['models show flight-delays', 'models show flight-delays@champion'],
      load: async () => (await import('../actions/models.ts')).showModel,
    },
    {
      name: 'promote',
      about: 'Moves an alias to a version if the gates hold; exit code 4 when one does not',
      arguments: [VERSION],
      options: [
        { flags: '--alias <alias>', about: 'The alias (default: champion)' },
        { flags: '--gate <condition...>', about: 'A bound for a metric: auc>=0.7, log_loss<=0.45' },
        {
          flags: '--better-than-alias <metric>',
          about: 'Must be better than the version that has the alias, by this metric',
          choices: ['auc', 'log_loss', 'brier', 'rmse', 'mae'],
        },
        { flags: '--evaluation-set <training-set>', about: 'Training set on whose rows both are compared' },
        { flags: '--comment <text>', about: 'Why; needs --force' },
        { flags: '--force', about: 'Moves the alias by hand, without gates' },
      ],
      examples: [
        'models promote flight-delays@3 --gate "auc>=0.7"',
        'models promote flight-delays@2 --force --comment "back to the old one"',
      ],
      load: async () => (await import('../actions/models-promote.ts')).promoteModel,
    },
    {
      name: 'lineage',
      about: 'Draws what a version is made of, back to the files',
      arguments: [VERSION],
      options: [{ flags: '--depth <n>', about: 'Steps to follow (default: 10)' }],
      examples: ['models lineage flight-delays@champion'],
      load: async () => (await import('../actions/models-lineage.ts')).showLineage,
    },
    {
      name: 'history',
      about: 'Lists who changed what when',
      arguments: [MODEL],
      examples: ['models history flight-delays'],
      load: async () => (await import('../actions/models.ts')).showHistory,
    },
    {
      name: 'verify',
      about: 'Reads the model file again and checks its digest and signature',
      arguments: [VERSION],
      examples: ['models verify flight-delays@champion'],
      load: async () => (await import('../actions/models.ts')).verifyModel,
    },
  ],
};
