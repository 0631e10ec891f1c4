import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMillraceClient, type MillraceClient, untilEnded } from '@millrace/client';
import { type PipelineRun, StepState } from '@millrace/contracts/millrace/orchestrator/v1/pipeline_run';
import type { TemporaryDirectory } from '@millrace/testing';
import { temporaryDirectory } from '@millrace/testing';
import { startUp, type UpProcess } from './cli-process.ts';
import { applyExample, countTraces, failures, modelContents, startFirstRun } from './example.ts';
import { writeCut } from './flights.ts';

/** Long enough for the heartbeats of a busy machine, short enough that work of the killed process is soon taken up. */
const SETTINGS = { MILLRACE__LEASE_MS: '3500' };

/** The steps of the first run, each after all that it waits for. */
const STEPS = [
  'ingest',
  'validate',
  'materialize',
  'evaluationSet',
  'trainingSet',
  'train',
  'register',
  'promote',
  'deploy',
] as const;

/** What a run has come to, or in which state the step was when the process was killed. */
type Seen = { readonly run: string; readonly killedAt: Readonly<Record<string, StepState>> };

let directory: TemporaryDirectory;
let cut: string;
const open: { up?: UpProcess; client?: MillraceClient } = {};

beforeAll(async () => {
  directory = await temporaryDirectory();
  cut = await writeCut(directory.path);
}, 60_000);

afterAll(async () => {
  open.client?.close();
  await open.up?.stop();
  await directory?.[Symbol.asyncDispose]();
}, 60_000);

async function bringUp(dataDirectory: string): Promise<MillraceClient> {
  open.up = await startUp(dataDirectory, SETTINGS);
  open.client = createMillraceClient({
    address: open.up.grpcAddress,
    calls: { defaultTimeoutMs: 30_000, defaultStreamTimeoutMs: 120_000 },
  });
  return open.client;
}

async function takeDown(how: 'kill' | 'stop'): Promise<void> {
  open.client?.close();
  await open.up?.[how]();
  delete open.up;
}

async function* states(client: MillraceClient, run: string): AsyncGenerator<PipelineRun> {
  for await (const { pipelineRun } of client.orchestrator.watchPipelineRun({ name: run }))
    if (pipelineRun) yield pipelineRun;
}

/** Steps of some 100 ms: they are hit when they begin, the others once they tell how far they have come. */
const SHORT: ReadonlySet<string> = new Set(['ingest', 'register', 'promote', 'deploy']);

/**
 * Waits until the step is at work in this process, so that it is not just the state that the process before has left. A
 * short step may have ended by then.
 */
async function untilAtWork(client: MillraceClient, run: string, step: string): Promise<StepState> {
  let isFirst = true;
  for await (const { steps } of states(client, run)) {
    const { state = StepState.UNSPECIFIED, fraction = 0 } = steps.find((one) => one.step === step) ?? {};
    if (state > StepState.RUNNING) return state;
    const isAtWork = SHORT.has(step) || (fraction > 0 && !isFirst);
    if (state === StepState.RUNNING && isAtWork) return state;
    isFirst = false;
  }
  throw new Error(`The run ended before step "${step}" began.`);
}

async function firstRun(dataDirectory: string, kills: readonly string[]): Promise<Seen> {
  const killedAt: Record<string, StepState> = {};
  let client = await bringUp(dataDirectory);
  await applyExample(client, cut);
  const run = await startFirstRun(client);
  for (const step of kills) {
    killedAt[step] = await untilAtWork(client, run, step);
    await takeDown('kill');
    client = await bringUp(dataDirectory);
  }
  await untilEnded(states(client, run));
  return { run, killedAt };
}

test('a run whose process is killed in each of its steps ends by itself as one that nobody disturbed', async () => {
  const [calm, troubled] = [`${directory.path}/calm`, `${directory.path}/troubled`];
  await firstRun(calm, []);
  const expected = await countTraces(open.client as MillraceClient);
  const expectedModels = await modelContents(open.client as MillraceClient, calm);
  await takeDown('stop');

  const { killedAt } = await firstRun(troubled, STEPS);
  // That the kills have hit: whatever is short enough to end between two looks, training is not.
  const atWork = STEPS.filter((step) => killedAt[step] === StepState.RUNNING);
  expect(atWork).toContain('train');
  expect(atWork.length).toBeGreaterThanOrEqual(3);
  for (const failure of await failures(open.client as MillraceClient))
    expect(failure).toMatchObject({ code: 'UNAVAILABLE' });
  expect(await countTraces(open.client as MillraceClient)).toEqual(expected);
  expect(await modelContents(open.client as MillraceClient, troubled)).toEqual(expectedModels);
  expect(expectedModels).toHaveLength(1);
  await takeDown('stop');
}, 400_000);
