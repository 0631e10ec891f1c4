import type { GroupSpec } from '../tree/spec.ts';

const RUN = { name: '<run>', about: 'Id or name of the pipeline run', complete: 'pipelineRun' } as const;
const PIPELINE = { name: '<pipeline>', about: 'Id or name of the pipeline', complete: 'pipeline' } as const;
const FILE = {
  name: '<file>',
  about: 'YAML file with one document a pipeline; `-`: standard input',
  complete: 'file',
} as const;

/** `millrace pipelines …`. */
export const pipelineCommands: GroupSpec = {
  name: 'pipelines',
  about: 'Pipelines and their runs',
  commands: [
    {
      name: 'apply',
      about: 'Creates or changes the pipelines of a file and the resources that they bring along',
      arguments: [FILE],
      examples: ['pipelines apply examples/flight-delays/pipeline.yaml'],
      load: async () => (await import('../actions/pipelines-apply.ts')).applyPipelines,
    },
    {
      name: 'plan',
      about: 'Tells what applying a file would change, and changes nothing',
      arguments: [FILE],
      examples: ['pipelines plan examples/flight-delays/pipeline.yaml'],
      load: async () => (await import('../actions/pipelines-apply.ts')).planPipelines,
    },
    {
      name: 'run',
      about: 'Starts a run of a pipeline',
      arguments: [PIPELINE],
      options: [
        { flags: '--param <name=value...>', about: 'What the run is given; may be repeated' },
        { flags: '-w, --watch', about: 'Shows how it goes until it has ended; the exit code is 1 when it fails' },
      ],
      examples: ['pipelines run flight-delays --param until=2001-04-01T00:00:00Z --watch'],
      load: async () => (await import('../actions/pipelines-run.ts')).runPipeline,
    },
    {
      name: 'ls',
      about: 'Lists pipelines',
      examples: ['pipelines ls', 'pipelines ls --json'],
      load: async () => (await import('../actions/pipelines-show.ts')).listPipelines,
    },
    {
      name: 'show',
      about: 'Shows a pipeline: steps and what they refer to, schedules, triggers, the last runs',
      arguments: [PIPELINE],
      examples: ['pipelines show flight-delays'],
      load: async () => (await import('../actions/pipelines-show.ts')).showPipeline,
    },
    {
      name: 'runs',
      about: 'Lists runs, newest first; or shows one with its steps',
      arguments: [{ name: '[run]', about: 'Id or name of a run to show', complete: 'pipelineRun' }],
      options: [
        { flags: '--pipeline <pipeline>', about: 'Only runs of this pipeline', complete: 'pipeline' },
        { flags: '--limit <n>', about: 'Most runs to list (default: 20)' },
      ],
      examples: ['pipelines runs --pipeline flight-delays', 'pipelines runs 01j8x0'],
      load: async () => (await import('../actions/pipelines-show.ts')).listRuns,
    },
    {
      name: 'watch',
      about: 'Shows how a run goes until it has ended',
      arguments: [RUN],
      examples: ['pipelines watch 01j8x0'],
      load: async () => (await import('../actions/pipelines-run.ts')).watchRun,
    },
    {
      name: 'retry',
      about: 'Starts a failed or cancelled run again from the steps that did not end well',
      arguments: [RUN],
      options: [{ flags: '-w, --watch', about: 'Shows how it goes until it has ended' }],
      examples: ['pipelines retry 01j8x0 --watch'],
      load: async () => (await import('../actions/pipelines-run.ts')).retryRun,
    },
    {
      name: 'cancel',
      about: 'Stops a run; nothing half-done becomes visible',
      arguments: [RUN],
      examples: ['pipelines cancel 01j8x0'],
      load: async () => (await import('../actions/pipelines-run.ts')).cancelRun,
    },
    {
      name: 'schema',
      about: 'Writes the JSON Schema of pipeline files, for editors',
      examples: ['pipelines schema > pipeline.schema.json'],
      more: 'In an editor with the YAML language server: # yaml-language-server: $schema=./pipeline.schema.json',
      load: async () => (await import('../actions/pipelines-show.ts')).printSchema,
    },
  ],
};
