import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { GRPCInferenceService } from '@millrace/contracts/inference/inference';
import { JobState } from '@millrace/contracts/millrace/common/v1/job';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import { IngestionService } from '@millrace/contracts/millrace/ingestion/v1/ingestion_service';
import { OrchestratorService } from '@millrace/contracts/millrace/orchestrator/v1/orchestrator_service';
import { StepState } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import { TrainingService } from '@millrace/contracts/millrace/training/v1/training_service';
import { AppError, notFound } from '@millrace/kernel';
import type { RpcServer } from '@millrace/rpc';
import { implement } from '@millrace/rpc';
import type { Ended, RunOptions } from './rig.ts';
import { cli, startServer } from './rig.ts';

let directory: string;
let server: RpcServer;
let address: string;
/** Requests that the fakes were sent. */
const asked: Record<string, unknown>[] = [];

const run = (args: readonly string[], options?: RunOptions): Promise<Ended> =>
  cli([...args, '--address', address], options);

const RUN = 'workspaces/default/pipelineRuns/r1';

function pipelineRun(state: JobState, steps: readonly { step: string; state: StepState; rows?: bigint }[]) {
  return {
    name: RUN,
    pipeline: 'workspaces/default/pipelines/flights',
    execution: { state, startTime: timestampFromMs(0), endTime: timestampFromMs(1500) },
    steps: steps.map((s) => ({
      ...s,
      startTime: timestampFromMs(0),
      endTime: timestampFromMs(1000),
      ...(s.state === StepState.FAILED && {
        failure: { code: 'FAILED_PRECONDITION', reason: 'PARITY_FAILED', message: 'differs by 0.1', violations: [] },
      }),
    })),
  };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
  ({ server, address } = await startServer([
    implement(OrchestratorService, {
      applyPipeline(request) {
        asked.push({ validateOnly: request.validateOnly });
        const action = request.pipeline?.steps[0]?.action;
        if (action?.case === 'deploy' && action.value.endpoint.endsWith('/nowhere'))
          throw new AppError('INVALID_ARGUMENT', 'wrong', {
            reason: 'REFERENCE_UNKNOWN',
            violations: [{ field: 'pipeline.steps[0].deploy.endpoint', description: 'is not known.', reason: 'X' }],
          });
        return { plan: [{ name: 'workspaces/default/endpoints/e', kind: 'CREATE', details: ['is new'] }] };
      },
      createPipelineRun(request) {
        asked.push({ pipeline: request.pipeline, parameters: request.parameters });
        return { pipelineRun: pipelineRun(JobState.PENDING, []) };
      },
      async *watchPipelineRun({ name }) {
        if (name.endsWith('/hangs')) await new Promise(() => undefined);
        const failed = name.endsWith('/bad');
        yield { pipelineRun: pipelineRun(JobState.RUNNING, [{ step: 'ingest', state: StepState.RUNNING }]) };
        yield {
          pipelineRun: pipelineRun(failed ? JobState.FAILED : JobState.SUCCEEDED, [
            { step: 'ingest', state: failed ? StepState.FAILED : StepState.SUCCEEDED, rows: 3_000_000n },
          ]),
        };
      },
    }),
    implement(IngestionService, {
      getDataset({ name }) {
        throw notFound('Dataset', name);
      },
      listDatasets: ({ pageToken }) =>
        pageToken === ''
          ? { datasets: [{ name: 'workspaces/default/datasets/flights' }], nextPageToken: 'more' }
          : { datasets: [{ name: 'workspaces/default/datasets/fares' }] },
      async *queryDatasets(request) {
        asked.push({ sql: request.sql, datasets: request.datasets });
        yield {
          schema: {
            fields: [
              { name: 'origin', type: DataType.STRING },
              { name: 'n', type: DataType.INT64 },
            ],
          },
        };
        yield { rowsJson: ['["ATL, GA", 3]', '[null, 4]'] };
        yield { truncated: true };
      },
    }),
    implement(TrainingService, {
      getRun: ({ name }) => ({
        run: { name, metrics: { auc: name.endsWith('b') ? 0.7 : 0.71 }, params: { leaves: name.slice(-1) } },
      }),
      getMetricHistory: () => ({ metrics: [{ value: 0.6 }, { value: 0.65 }, { value: 0.71 }] }),
    }),
    implement(GRPCInferenceService, {
      modelMetadata: () => ({
        name: 'flights',
        inputs: [
          { name: 'distance', datatype: 'FP32', shape: [-1n] },
          { name: 'origin', datatype: 'BYTES', shape: [-1n] },
        ],
      }),
      modelInfer(request) {
        asked.push({ inputs: request.inputs.map((i) => ({ name: i.name, shape: i.shape })) });
        return {
          modelName: request.modelName,
          modelVersion: '3',
          id: 'p-1',
          outputs: [{ name: 'probability', datatype: 'FP64', shape: [1n], contents: { fp64Contents: [0.25] } }],
        };
      },
    }),
  ]));
});

afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

test('unknown commands and options are usage errors that tell what was meant', async () => {
  expect(await cli(['pipelnes', 'ls'])).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringContaining('Did you mean pipelines?'),
  });
  const json = await cli(['pipelines', 'ls', '--jsn', '--json']);
  expect(json.code).toBe(2);
  expect(JSON.parse(json.err)).toMatchObject({ error: { reason: 'USAGE' } });
  expect((await cli(['datasets'])).code).toBe(2);
  expect((await cli(['dead-letters', 'ls', 'x', '--state', 'shut'])).code).toBe(2);
});

test('without a platform: exit code 5 and how to start one', async () => {
  const ended = await cli(['datasets', 'ls', '--dir', directory]);
  expect(ended).toMatchObject({ code: 5, out: '' });
  expect(ended.err).toContain(`millrace up --dir ${directory}`);
  const json = await cli(['datasets', 'ls', '--dir', directory, '--json']);
  expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'UNAVAILABLE', reason: 'PLATFORM_NOT_RUNNING' } });
  const gone = await cli(['datasets', 'ls', '--address', '127.0.0.1:1']);
  expect(gone.code).toBe(5);
});

test('all pages are listed; JSON has every key', async () => {
  const { out } = await run(['datasets', 'ls', '--json']);
  expect(JSON.parse(out)).toMatchObject({
    datasets: [
      { name: 'workspaces/default/datasets/flights', primaryKey: [], description: '' },
      { name: expect.stringContaining('fares') },
    ],
  });
  expect((await run(['datasets', 'ls'], { columns: 30 })).out.split('\n').every((line) => line.length <= 30)).toBe(
    true,
  );
});

test('not found is 3, with a remedy', async () => {
  const ended = await run(['datasets', 'show', 'nope']);
  expect(ended.code).toBe(3);
  expect(ended.err).toContain('List what exists: millrace datasets ls');
  expect((await run(['datasets', 'show', 'Not/An/Id'])).code).toBe(2);
});

test("a file's mistakes are told with line, column, the line and a caret", async () => {
  const path = join(directory, 'bad.yaml');
  await writeFile(path, 'name: a\nsteps:\n  - id: x\n    deploi: { endpoint: e }\n');
  const ended = await run(['pipelines', 'apply', path]);
  expect(ended.code).toBe(2);
  expect(ended.err).toContain(`${path}:4:5`);
  expect(ended.err).toContain('4 |     deploi: { endpoint: e }\n  |     ^');
  expect((await run(['pipelines', 'apply', join(directory, 'none.yaml')])).code).toBe(3);
});

test("a service's complaints find their place in the file, and a plan is drawn", async () => {
  const path = join(directory, 'good.yaml');
  await writeFile(
    path,
    'name: a\nsteps:\n  - id: x\n    deploy: { endpoint: e }\n---\nname: b\nsteps:\n  - id: x\n    deploy: { endpoint: nowhere }\n',
  );
  const ended = await run(['pipelines', 'apply', path]);
  expect(ended.code).toBe(2);
  expect(ended.out).toContain('a applied\n  + endpoints/e\n      is new');
  expect(ended.err).toContain('Applied before the error: a.');
  expect(ended.err).toMatch(/good\.yaml:9:15: "pipeline.steps\[0\].deploy.endpoint" is not known/);
  const planned = await run(['pipelines', 'plan', '-', '--json'], {
    stdin: 'name: a\nsteps: [{ id: x, deploy: { endpoint: e } }]',
  });
  expect(JSON.parse(planned.out)).toMatchObject({ plan: [{ kind: 'CREATE' }] });
  expect(asked.at(-1)).toEqual({ validateOnly: true });
});

test('a run is watched to its end: plain lines, or a JSON object for each state', async () => {
  const ended = await run([
    'pipelines',
    'run',
    'flights',
    '--param',
    'until=2001-04-01',
    '--param',
    'a=b=c',
    '--watch',
  ]);
  expect(ended.code).toBe(0);
  expect(asked.at(-1)).toEqual({
    pipeline: 'workspaces/default/pipelines/flights',
    parameters: { until: '2001-04-01', a: 'b=c' },
  });
  expect(ended.out).toBe('ingest: running\ningest: succeeded, 3,000,000 rows, 1 s\nRun r1 succeeded in 1.5 s.\n');
  const json = await run(['pipelines', 'watch', 'r1', '--json']);
  const states = json.out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { execution: { state: string } }).execution.state);
  expect(states).toEqual(['JOB_STATE_RUNNING', 'JOB_STATE_SUCCEEDED']);
  expect((await run(['pipelines', 'run', 'flights', '--param', 'oops'])).code).toBe(2);
});

test('a failed run is exit code 1, with the step that failed and what to do', async () => {
  const ended = await run(['pipelines', 'watch', 'bad']);
  expect(ended.code).toBe(1);
  expect(ended.err).toContain('step ingest: differs by 0.1 (PARITY_FAILED)');
  expect(ended.err).toContain('millrace pipelines retry bad --watch');
});

test('Ctrl+C is exit code 130', async () => {
  const interruption = new AbortController();
  const ended = run(['pipelines', 'watch', 'hangs'], { interrupted: interruption.signal });
  setImmediate(() => interruption.abort());
  expect((await ended).code).toBe(130);
});

test('query: a table, CSV and NDJSON', async () => {
  const sql = 'select 1';
  const table = await run(['datasets', 'query', sql, '--dataset', 'flights=3', 'old=flights@1', 'all=fares']);
  expect(table.out).toBe('origin   n\nATL, GA  3\nnull     4\n');
  expect(table.err).toContain('more with --limit');
  expect(asked.at(-1)).toEqual({
    sql,
    datasets: {
      flights: 'workspaces/default/datasets/flights/versions/3',
      old: 'workspaces/default/datasets/flights/versions/1',
      all: 'workspaces/default/datasets/fares',
    },
  });
  expect((await run(['datasets', 'query', sql, '--format', 'csv'])).out).toBe('origin,n\n"ATL, GA",3\n,4\n');
  expect((await run(['datasets', 'query', '-', '--json'], { stdin: sql })).out).toBe(
    '{"origin":"ATL, GA","n":3}\n{"origin":null,"n":4}\n',
  );
});

test('a prediction takes the datatypes of the endpoint', async () => {
  const ended = await run([
    'endpoints',
    'predict',
    'flights',
    '--input',
    'distance=500',
    '--input',
    'origin=ATL',
    '--json',
  ]);
  expect(JSON.parse(ended.out)).toEqual({
    modelName: 'flights',
    modelVersion: '3',
    id: 'p-1',
    outputs: { probability: [0.25] },
  });
  expect(asked.at(-1)).toEqual({
    inputs: [
      { name: 'distance', shape: [1n] },
      { name: 'origin', shape: [1n] },
    ],
  });
  const unknown = await run(['endpoints', 'predict', 'flights', '--input', 'distanse=500']);
  expect(unknown).toMatchObject({ code: 2, err: expect.stringContaining('did you mean "distance"?') });
  expect((await run(['endpoints', 'predict', 'flights'])).code).toBe(2);
});

test('training runs: the course of a metric, and what differs', async () => {
  const shown = await run(['runs', 'show', 'a']);
  expect(shown.out).toMatch(/auc\s+0\.7100\s+▁▄█/);
  const compared = await run(['runs', 'compare', 'a', 'b']);
  expect(compared.out).toMatch(/auc\s+0\.7100\s+0\.7000/);
  expect(compared.out).toMatch(/leaves\s+a\s+b/);
  expect((await run(['runs', 'compare', 'a'])).code).toBe(2);
});

test('completion asks the platform for names', async () => {
  const { out } = await cli(['__complete', '--', '--address', address, 'datasets', 'show', 'f']);
  expect(out).toBe('');
  const named = await run(['__complete', 'datasets', 'show', 'f']);
  expect(named.out).toBe('');
  const words = await cli(['__complete', '--', 'datasets', 'show', 'f'], { env: { MILLRACE_ADDRESS: address } });
  expect(words.out).toBe('flights\n');
  for (const shell of ['bash', 'zsh', 'fish']) expect((await cli(['completion', shell])).out).toContain('__complete');
});
