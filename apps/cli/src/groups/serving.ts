import type { GroupSpec } from '../tree/spec.ts';

const ENDPOINT = { name: '<endpoint>', about: 'Id or name of the endpoint', complete: 'endpoint' } as const;

/** `millrace endpoints …`. */
export const endpointCommands: GroupSpec = {
  name: 'endpoints',
  about: 'Endpoints: who answers predictions, and with which version',
  commands: [
    {
      name: 'ls',
      about: 'Lists endpoints',
      examples: ['endpoints ls'],
      load: async () => (await import('../actions/endpoints.ts')).listEndpoints,
    },
    {
      name: 'show',
      about: 'Shows an endpoint: what answers, inputs, requests, latency, deployments',
      arguments: [ENDPOINT],
      examples: ['endpoints show flight-delays'],
      load: async () => (await import('../actions/endpoints.ts')).showEndpoint,
    },
    {
      name: 'predict',
      about: 'Asks an endpoint over gRPC by the Open Inference Protocol; features that are left out are looked up',
      arguments: [ENDPOINT],
      options: [
        { flags: '--input <name=value...>', about: 'An input; with several values (a,b,c) one a row' },
        {
          flags: '--json-file <file>',
          about: 'A JSON object, or a list of them, one a row; `-`: standard input',
          complete: 'file',
        },
        { flags: '--id <id>', about: 'Id of the prediction, by which its truth is recorded later' },
      ],
      examples: [
        'endpoints predict flight-delays --input distance=500 --input origin=ATL --input destination=JFK --input date=2001-04-01T09:30:00Z',
        'endpoints predict flight-delays --json-file flights.json --json',
      ],
      load: async () => (await import('../actions/endpoints-predict.ts')).predict,
    },
    {
      name: 'deploy',
      about: 'Lets an endpoint answer with a version, once that is loaded, verified and warm',
      arguments: [ENDPOINT],
      options: [
        {
          flags: '--model-version <version>',
          about: 'A version: flights@3 (default: what the alias points to)',
          complete: 'model',
        },
      ],
      examples: ['endpoints deploy flight-delays', 'endpoints deploy flight-delays --model-version flight-delays@2'],
      load: async () => (await import('../actions/endpoints-deploy.ts')).deploy,
    },
    {
      name: 'rollback',
      about: 'Lets the version that answered before answer again',
      arguments: [ENDPOINT],
      examples: ['endpoints rollback flight-delays'],
      load: async () => (await import('../actions/endpoints-deploy.ts')).rollback,
    },
  ],
};

/** `millrace drift …`. */
export const driftCommands: GroupSpec = {
  name: 'drift',
  about: 'Drift and performance, window by window',
  commands: [
    {
      name: 'ls',
      about: 'Lists monitors',
      examples: ['drift ls'],
      load: async () => (await import('../actions/drift.ts')).listMonitors,
    },
    {
      name: 'show',
      about: 'Shows how far inputs and predictions lie from the training data, and the metrics, by window',
      arguments: [{ name: '<monitor>', about: 'Id or name of the monitor', complete: 'monitor' }],
      options: [{ flags: '--windows <n>', about: 'Windows to show (default: 12)' }],
      examples: ['drift show flight-delays', 'drift show flight-delays --windows 4 --json'],
      load: async () => (await import('../actions/drift.ts')).showDrift,
    },
  ],
};

/** `millrace alerts …`. */
export const alertCommands: GroupSpec = {
  name: 'alerts',
  about: 'Alerts of monitors',
  commands: [
    {
      name: 'ls',
      about: 'Lists alerts, newest first',
      options: [
        { flags: '--state <state>', about: 'Only those in this state', choices: ['open', 'acknowledged', 'resolved'] },
        { flags: '--limit <n>', about: 'Most alerts to list (default: 50)' },
      ],
      examples: ['alerts ls --state open'],
      load: async () => (await import('../actions/alerts.ts')).listAlerts,
    },
    {
      name: 'ack',
      about: 'Notes that you have seen an alert',
      arguments: [{ name: '<alert>', about: 'Id or name of the alert', complete: 'alert' }],
      options: [{ flags: '--actor <name>', about: 'Who has seen it (default: the user of this system)' }],
      examples: ['alerts ack 01j8x0'],
      load: async () => (await import('../actions/alerts.ts')).acknowledge,
    },
  ],
};

/** `millrace trace …`. */
export const traceCommands: GroupSpec = {
  name: 'trace',
  about: 'Traces from the span files of the data directory; the platform need not run',
  commands: [
    {
      name: 'ls',
      about: 'Lists traces, newest first',
      options: [
        { flags: '--service <service>', about: 'Only traces that this service took part in' },
        { flags: '--limit <n>', about: 'Most traces to list (default: 20)' },
      ],
      examples: ['trace ls', 'trace ls --service training'],
      load: async () => (await import('../actions/trace.ts')).listAllTraces,
    },
    {
      name: 'show',
      about: 'Draws a trace as a waterfall: who did what, when, for how long',
      arguments: [
        { name: '<trace>', about: 'Id of a trace, or id or name of a pipeline run', complete: 'pipelineRun' },
      ],
      options: [
        { flags: '--min <milliseconds>', about: 'Leaves out spans that are shorter, unless they failed (default: 0)' },
        { flags: '--spans <n>', about: 'Most lines to draw (default: 200)' },
      ],
      examples: ['trace show 01j8x0', 'trace show 4bf92f3577b34da6a3ce929d0e0e4736 --min 10'],
      load: async () => (await import('../actions/trace.ts')).showTrace,
    },
  ],
};

/** `millrace events …`. */
export const eventCommands: GroupSpec = {
  name: 'events',
  about: 'Events between the services',
  commands: [
    {
      name: 'stats',
      about: 'Tells how many events were published and consumed since the start, and how far each consumer lags behind',
      examples: ['events stats'],
      load: async () => (await import('../actions/events.ts')).eventStats,
    },
  ],
};
